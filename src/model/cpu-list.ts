/** Lists of CPUs, as the kernel and taskset(1) write them. */

/** CPU numbers above this are a typing error: no kernel is built for more. */
const CPU_MAX = 8191;

/** "0-3,8" as numbers in the order given; undefined if it is no such list. */
export function parseCpuList(text: string): readonly number[] | undefined {
  const cpus: number[] = [];
  for (const part of text.split(',')) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part.trim());
    if (match === null) return undefined;
    const first = Number(match[1]);
    const last = Number(match[2] ?? first);
    // More than there are, and one of them would be named twice: no list is made of it first.
    if (last < first || last > CPU_MAX || cpus.length + last - first > CPU_MAX) return undefined;
    for (let cpu = first; cpu <= last; cpu++) cpus.push(cpu);
  }
  return new Set(cpus).size === cpus.length ? cpus : undefined;
}
