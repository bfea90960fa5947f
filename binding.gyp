{
  "variables": {
    "hardening": ["-fstack-protector-strong", "-D_FORTIFY_SOURCE=2", "-fPIC", "-fvisibility=hidden"],
    "strict": ["-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror"]
  },
  "target_defaults": {
    "cflags_cc!": ["-std=gnu++17", "-fno-omit-frame-pointer"],
    "cflags_cc": ["-std=c++20", "-O3", "-fno-exceptions", "<@(hardening)"],
    "ldflags": ["-Wl,-z,relro,-z,now"]
  },
  "targets": [
    {
      "target_name": "fanout_core",
      "type": "static_library",
      "include_dirs/": [["exclude", "node"]],
      "cflags_cc": ["-fno-rtti", "<@(strict)"],
      "sources": ["<!@(node -p \"require('fs').readdirSync('native/core').filter(f=>f.endsWith('.cpp')).map(f=>'native/core/'+f).join(' ')\")"]
    },
    {
      "target_name": "fanout",
      "dependencies": ["fanout_core"],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")", "native/core", "native/lab", "native/host"],
      "defines": ["NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS", "NAPI_VERSION=8"],
      "cflags_cc": ["-Wall", "-Wextra"],
      "sources": ["<!@(node -p \"['binding','lab','host'].flatMap(d=>require('fs').readdirSync('native/'+d).filter(f=>f.endsWith('.cpp')).map(f=>'native/'+d+'/'+f)).join(' ')\")"]
    }
  ]
}
