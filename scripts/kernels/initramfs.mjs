// A first file system for an emulated machine: an archive in the form that the kernel unpacks (Documentation/driver-api/early-userspace).
import { lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

const FOLDER = 0o040755;
const FOLDERS = ['/proc', '/sys', '/dev', '/run', '/tmp', '/root', '/etc'];

/**
 * @param init becomes /init
 * @param files and folders, each at the path that it has here; symbolic links are followed
 */
export function initramfs({ init, files }) {
  const entries = new Map();
  for (const folder of FOLDERS) addFolder(entries, folder);
  for (const file of files) addTree(entries, file);
  entries.set('/init', { mode: 0o100755, bytes: readFileSync(init) });
  entries.set('/etc/passwd', {
    mode: 0o100644,
    bytes: Buffer.from('root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/sh\n'),
  });
  // Whatever is the path of a program's interpreter, sh is looked for here.
  const parts = [...entries].map(([path, entry], i) => packed(path.slice(1), entry, i + 1));
  return Buffer.concat([...parts, packed('TRAILER!!!', { mode: 0, bytes: Buffer.alloc(0) }, 0)]);
}

function addFolder(entries, folder) {
  if (folder === '/' || entries.has(folder)) return;
  addFolder(entries, dirname(folder));
  entries.set(folder, { mode: FOLDER, bytes: Buffer.alloc(0) });
}

function addTree(entries, path) {
  if (lstatSync(path).isDirectory()) {
    for (const name of readdirSync(path)) addTree(entries, join(path, name));
    return;
  }
  addFolder(entries, dirname(path));
  entries.set(path, { mode: 0o100000 | (statSync(path).mode & 0o777), bytes: readFileSync(path) });
}

function packed(name, { mode, bytes }, inode) {
  const nameBytes = Buffer.from(`${name}\0`);
  const fields = [inode, mode, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, nameBytes.length, 0];
  const head = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`);
  return Buffer.concat([padded(Buffer.concat([head, nameBytes])), padded(bytes)]);
}

function padded(bytes) {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}
