{
  "variables": {
    "strict": ["-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror"]
  },
  "target_defaults": {
    "cflags_cc!": ["-std=gnu++17", "-fno-omit-frame-pointer"],
    "cflags_cc": [
      "<!@(sh native/flags.sh <(target_arch))",
      # Names of files are those inside the package: built anywhere, the addon is the same to the last byte.
      "-ffile-prefix-map=<(node_root_dir)=node",
      "-ffile-prefix-map=<(module_root_dir)=."
    ],
    "ldflags": ["-Wl,-z,relro,-z,now", "-Wl,-z,noexecstack", "-Wl,--as-needed"]
  },
  "targets": [
    {
      "target_name": "fanout_core",
      "type": "static_library",
      "include_dirs/": [["exclude", "node"]],
      "include_dirs": ["native"],
      "cflags_cc": ["-fno-rtti", "<@(strict)"],
      "sources": ["<!@(LC_ALL=C ls native/core/*/*.cpp)"]
    },
    {
      "target_name": "fanout",
      "dependencies": ["fanout_core"],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")", "native"],
      "defines": ["NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS", "NAPI_VERSION=8"],
      "cflags_cc": ["-Wall", "-Wextra"],
      "sources": ["<!@(LC_ALL=C ls native/binding/*.cpp native/host/*.cpp native/lab/*.cpp)"]
    }
  ]
}
