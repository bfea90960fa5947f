// What reading a fanout group costs at least: N processes, a TPACKET_V3 ring each, and as little work per packet as possible.
//
// Three kinds of work: `count` walks the packet headers; `table` also parses the five-tuple and counts it in a hash table;
// `batch` does the same for 32 packets at a time, so that the memory accesses of one batch overlap instead of waiting for one
// another. `batch` is what a worker of a flow-tracking program can hope for, and the yardstick of this project's own workers. It
// trusts the ring and judges nothing: it is a yardstick, not a tool. Use it in a private network namespace only.
#include <arpa/inet.h>
#include <getopt.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/perf_event.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"

enum { members_max = 512, batch_packets = 32, poll_timeout_ms = 100, whole_packet = 262144 };

enum work { work_count = 1, work_table = 2, work_batch = 3 };
static const char* const work_names[] = {"", "count", "table", "batch"};

struct options {
  const char* interface;
  unsigned procs;
  enum work work;
  uint32_t block_bytes;
  uint32_t blocks;
  uint32_t block_timeout_ms;
  uint64_t slots;  // initial size of each table; it doubles as it fills
  uint32_t snap;   // bytes of a packet that the kernel copies; 0 is all of them
  uint32_t group;
  uint64_t idle_ms;
  uint64_t seconds_max;
  int cpu;
};

// ---- What the processes share -------------------------------------------------------------------------------------------------

enum counter { user_cycles, user_instructions, kernel_cycles, kernel_instructions, counter_count };

struct member {
  uint64_t packets, bytes, ignored, flows, blocks, polls;
  uint64_t kernel_packets, drops, freezes;
  uint64_t cpu_ns, pss_kb, rss_kb;
  uint64_t counters[counter_count];
  bool counted;  // the hardware counters were available
};

struct shared {
  atomic_uint joined, started, stopped;  // how many members have got so far
  atomic_bool go, stop;
  _Atomic uint64_t last_block_ns;  // when any member last got packets; 0 before the first
  struct member members[members_max];
};

static struct shared* shared;

static volatile sig_atomic_t interrupted;
static void request_end(int signal_number) {
  (void)signal_number;
  interrupted = 1;
}

static void handle_signals(void (*handler)(int)) {
  const struct sigaction action = {.sa_handler = handler};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
}

// ---- Flow table: open addressing, one cache line per flow and direction
// -----------------------------------------------------------

union key {
  struct {
    uint8_t source[16], destination[16];
    uint16_t source_port, destination_port;  // network byte order: only equality matters here
    uint8_t protocol, family;
    uint16_t used;  // 1, so that a key never equals an empty slot
  };
  uint64_t words[5];
};
_Static_assert(sizeof(union key) == 40, "keys are compared as five words");

struct slot {
  _Alignas(64) union key key;
  uint64_t packets, bytes, unused;
};
_Static_assert(sizeof(struct slot) == 64, "a slot is one cache line");

struct table {
  struct slot* slots;
  uint64_t mask, used;
};

struct parsed {
  union key key;
  uint64_t hash;
  uint32_t bytes;
};

// Multiplies into 128 bits and folds: two such steps mix a key well enough for a table of which the mask takes the low bits.
static inline uint64_t fold(uint64_t a, uint64_t b) {
  const unsigned __int128 product = (unsigned __int128)(a ^ 0xa0761d6478bd642fu) * (b ^ 0xe7037ed1a0b428dbu);
  return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t hash_of(const union key* k) {
  return fold(fold(k->words[0], k->words[1]), fold(k->words[2], k->words[3]) ^ k->words[4]);
}

static inline bool same_key(const union key* a, const union key* b) {
  return a->words[4] == b->words[4] && a->words[0] == b->words[0] && a->words[1] == b->words[1] && a->words[2] == b->words[2] &&
         a->words[3] == b->words[3];
}

// Huge pages, or every access to a large table would also miss the TLB.
static struct table table_of(uint64_t slots) {
  const size_t bytes = slots * sizeof(struct slot);
  struct slot* memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) die("mmap of a table");
  madvise(memory, bytes, MADV_HUGEPAGE);
  return (struct table){memory, slots - 1, 0};
}

static __attribute__((noinline)) void table_grow(struct table* t) {
  const struct table old = *t;
  *t = table_of((old.mask + 1) * 2);
  t->used = old.used;
  for (uint64_t i = 0; i <= old.mask; i++) {
    if (!old.slots[i].key.used) continue;
    uint64_t j = hash_of(&old.slots[i].key) & t->mask;
    while (t->slots[j].key.used) j = (j + 1) & t->mask;
    t->slots[j] = old.slots[i];
  }
  munmap(old.slots, (old.mask + 1) * sizeof(struct slot));
}

static inline void table_add(struct table* t, const struct parsed* p) {
  for (uint64_t i = p->hash & t->mask;; i = (i + 1) & t->mask) {
    struct slot* s = &t->slots[i];
    if (same_key(&s->key, &p->key)) {
      s->packets++;
      s->bytes += p->bytes;
      return;
    }
    if (!s->key.used) {
      *s = (struct slot){.key = p->key, .packets = 1, .bytes = p->bytes};
      if (++t->used > (t->mask + 1) / 2) table_grow(t);
      return;
    }
  }
}

// ---- Parsing: VLAN tags, IPv4 with options, IPv6 with extension headers, ports
// ----------------------------------------------------

static inline uint32_t get16(const uint8_t* at) { return (uint32_t)at[0] << 8 | at[1]; }

static inline bool has_ports(uint8_t protocol) {
  return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
}

// Both return where the transport header begins, `end` where there is none to read, or NULL where the packet is cut or malformed.
static inline const uint8_t* parse_ipv4(const uint8_t* at, const uint8_t* end, union key* key) {
  if (end - at < 20) return NULL;
  const uint32_t header = (at[0] & 15u) * 4;
  if (header < 20 || end - at < header) return NULL;
  memcpy(key->source, at + 12, 4);
  memcpy(key->destination, at + 16, 4);
  key->protocol = at[9];
  key->family = 4;
  const bool later_fragment = (get16(at + 6) & 0x1fff) != 0;
  return later_fragment ? end : at + header;
}

static inline const uint8_t* parse_ipv6(const uint8_t* at, const uint8_t* end, union key* key) {
  if (end - at < 40) return NULL;
  memcpy(key->source, at + 8, 16);
  memcpy(key->destination, at + 24, 16);
  key->family = 6;
  uint8_t next = at[6];
  at += 40;
  while (next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS || next == IPPROTO_FRAGMENT) {
    if (end - at < 8) return NULL;
    const bool later_fragment = next == IPPROTO_FRAGMENT && (get16(at + 2) & 0xfff8) != 0;
    const uint32_t header = next == IPPROTO_FRAGMENT ? 8 : (at[1] + 1u) * 8;
    next = at[0];
    if (end - at < header) return NULL;
    at = later_fragment ? end : at + header;
    if (later_fragment) break;
  }
  key->protocol = next;
  return at;
}

static inline bool parse(const uint8_t* at, uint32_t bytes, struct parsed* out) {
  const uint8_t* const end = at + bytes;
  union key* const key = &out->key;
  memset(key, 0, sizeof *key);
  if (bytes < ETH_HLEN) return false;
  uint32_t type = get16(at + 12);
  at += ETH_HLEN;
  while (type == ETH_P_8021Q || type == ETH_P_8021AD) {
    if (end - at < 4) return false;
    type = get16(at + 2);
    at += 4;
  }
  if (type == ETH_P_IP)
    at = parse_ipv4(at, end, key);
  else if (type == ETH_P_IPV6)
    at = parse_ipv6(at, end, key);
  else
    return false;
  if (at == NULL) return false;
  if (has_ports(key->protocol) && end - at >= 4) memcpy(&key->source_port, at, 4);
  key->used = 1;
  out->hash = hash_of(key);
  return true;
}

// ---- One block of the ring
// ----------------------------------------------------------------------------------------------------------

typedef const struct tpacket3_hdr packet_header;

static inline packet_header* first_packet(const struct tpacket_block_desc* block) {
  return (packet_header*)((const uint8_t*)block + block->hdr.bh1.offset_to_first_pkt);
}
static inline packet_header* next_packet(packet_header* p) { return (packet_header*)((const uint8_t*)p + p->tp_next_offset); }
static inline const uint8_t* frame_of(packet_header* p) { return (const uint8_t*)p + p->tp_mac; }

static void count_block(const struct tpacket_block_desc* block, struct member* m) {
  packet_header* p = first_packet(block);
  for (uint32_t i = 0; i < block->hdr.bh1.num_pkts; i++, p = next_packet(p)) m->bytes += p->tp_len;
}

static void table_block(const struct tpacket_block_desc* block, struct member* m, struct table* table) {
  packet_header* p = first_packet(block);
  for (uint32_t i = 0; i < block->hdr.bh1.num_pkts; i++, p = next_packet(p)) {
    struct parsed parsed = {.bytes = p->tp_len};
    m->bytes += p->tp_len;
    if (parse(frame_of(p), p->tp_snaplen, &parsed))
      table_add(table, &parsed);
    else
      m->ignored++;
  }
}

// Parsing asks for the slot's cache line and goes on; when the batch is counted, the lines are there. The packets themselves lie
// one after the other, but the next headers are four packets away from being fetched by hardware alone, so they are asked for as
// well.
static void batch_block(const struct tpacket_block_desc* block, struct member* m, struct table* table) {
  struct parsed batch[batch_packets];
  packet_header* p = first_packet(block);
  const uint32_t packets = block->hdr.bh1.num_pkts;
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < packets;) {
    unsigned parsed = 0;
    for (; i < packets && parsed < batch_packets; i++, p = next_packet(p)) {
      __builtin_prefetch((const uint8_t*)p + p->tp_next_offset * 4);
      bytes += p->tp_len;
      if (!parse(frame_of(p), p->tp_snaplen, &batch[parsed])) {
        m->ignored++;
        continue;
      }
      batch[parsed].bytes = p->tp_len;
      __builtin_prefetch(&table->slots[batch[parsed].hash & table->mask], 1);
      parsed++;
    }
    for (unsigned j = 0; j < parsed; j++) table_add(table, &batch[j]);
  }
  m->bytes += bytes;
}

// ---- One member
// ---------------------------------------------------------------------------------------------------------------------

static void set_filter(int fd, uint32_t bytes_kept) {
  struct sock_filter verdict = BPF_STMT(BPF_RET | BPF_K, bytes_kept);
  const struct sock_fprog program = {1, &verdict};
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) die("SO_ATTACH_FILTER");
}

static uint8_t* set_ring(int fd, const struct options* o) {
  const int version = TPACKET_V3;
  if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) != 0) die("PACKET_VERSION");
  const uint32_t frame_bytes = 2048;  // only has to fit: version 3 packs packets one after the other, whatever their size
  const struct tpacket_req3 request = {.tp_block_size = o->block_bytes,
                                       .tp_block_nr = o->blocks,
                                       .tp_frame_size = frame_bytes,
                                       .tp_frame_nr = o->block_bytes / frame_bytes * o->blocks,
                                       .tp_retire_blk_tov = o->block_timeout_ms};
  if (setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof request) != 0) die("PACKET_RX_RING");
  uint8_t* ring = mmap(NULL, (size_t)o->block_bytes * o->blocks, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
  if (ring == MAP_FAILED) die("mmap of a ring");
  return ring;
}

// Between bind and join a socket is an ordinary tap, and until the last join the group maps flows to fewer members: the filter
// drops everything meanwhile. It runs after the choice of the member, so nothing is counted twice and nothing is counted by the
// wrong one.
static int open_member(const struct options* o, uint8_t** ring) {
  const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  *ring = set_ring(fd, o);
  set_filter(fd, 0);
  const struct sockaddr_ll address = {
      .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex(o->interface)};
  if (address.sll_ifindex == 0) die(o->interface);
  if (bind(fd, (const struct sockaddr*)&address, sizeof address) != 0) die("bind");
  const uint32_t fanout = o->group | PACKET_FANOUT_HASH << 16;
  if (setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &fanout, sizeof fanout) != 0) die("PACKET_FANOUT");
  return fd;
}

static void read_kernel_statistics(int fd, struct member* m) {
  struct tpacket_stats_v3 s = {0};
  socklen_t bytes = sizeof s;
  if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &s, &bytes) != 0) die("PACKET_STATISTICS");
  m->kernel_packets = s.tp_packets;  // includes the drops
  m->drops = s.tp_drops;
  m->freezes = s.tp_freeze_q_cnt;
}

static void open_counters(int fds[counter_count]) {
  for (unsigned i = 0; i < counter_count; i++) {
    const bool kernel = i == kernel_cycles || i == kernel_instructions;
    const bool cycles = i == user_cycles || i == kernel_cycles;
    struct perf_event_attr attributes = {.type = PERF_TYPE_HARDWARE,
                                         .size = sizeof attributes,
                                         .config = cycles ? PERF_COUNT_HW_CPU_CYCLES : PERF_COUNT_HW_INSTRUCTIONS,
                                         .exclude_hv = 1,
                                         .exclude_kernel = !kernel,
                                         .exclude_user = kernel};
    fds[i] = (int)syscall(SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
  }
}

static bool read_counters(const int fds[counter_count], uint64_t values[counter_count]) {
  bool all = true;
  for (unsigned i = 0; i < counter_count; i++) {
    values[i] = 0;
    if (fds[i] < 0 || read(fds[i], &values[i], sizeof values[i]) != sizeof values[i]) all = false;
  }
  return all;
}

static uint64_t memory_kb(const char* field) {
  FILE* file = fopen("/proc/self/smaps_rollup", "re");
  if (file == NULL) return 0;
  char line[256];
  unsigned long long kb = 0;
  while (fgets(line, sizeof line, file) != NULL) {
    if (strncmp(line, field, strlen(field)) == 0) kb = strtoull(line + strlen(field), NULL, 10);
  }
  fclose(file);
  return kb;
}

static void process_block(const struct tpacket_block_desc* block, enum work work, struct member* m, struct table* table) {
  m->blocks++;
  m->packets += block->hdr.bh1.num_pkts;
  switch (work) {
    case work_count:
      count_block(block, m);
      break;
    case work_table:
      table_block(block, m, table);
      break;
    case work_batch:
      batch_block(block, m, table);
      break;
  }
  atomic_store_explicit(&shared->last_block_ns, now_ns(), memory_order_relaxed);
}

// Reads until told to stop. Then everything is dropped, by all members before any of them leaves the group (a departure would
// move flows), and what the ring still holds is read: an open block becomes readable only after the block timeout.
static void read_ring(int fd, uint8_t* ring, const struct options* o, struct member* m, struct table* table) {
  struct pollfd readable = {.fd = fd, .events = POLLIN | POLLERR};
  uint64_t end = UINT64_MAX;
  for (uint32_t current = 0; now_ns() < end;) {
    struct tpacket_block_desc* block = (struct tpacket_block_desc*)(ring + (size_t)current * o->block_bytes);
    uint32_t* status = &block->hdr.bh1.block_status;
    if (__atomic_load_n(status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) {
      process_block(block, o->work, m, table);
      __atomic_store_n(status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
      current = current + 1 == o->blocks ? 0 : current + 1;
      continue;
    }
    if (end == UINT64_MAX && atomic_load(&shared->stop)) {
      set_filter(fd, 0);
      end = now_ns() + (o->block_timeout_ms + 20) * 1000000ull;
    }
    m->polls++;
    poll(&readable, 1, end == UINT64_MAX ? poll_timeout_ms : (int)o->block_timeout_ms + 1);
  }
}

static void wait_for(atomic_uint* count, unsigned goal) {
  while (atomic_load(count) < goal) sleep_us(500);
}

static void run_member(const struct options* o, unsigned index) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  pin_to_cpu(o->cpu);
  uint8_t* ring = NULL;
  const int fd = open_member(o, &ring);
  struct table table = o->work == work_count ? (struct table){0} : table_of(o->slots);
  struct member m = {0};
  int counters[counter_count];
  open_counters(counters);

  atomic_fetch_add(&shared->joined, 1);
  while (!atomic_load(&shared->go)) sleep_us(500);
  set_filter(fd, o->snap == 0 ? whole_packet : o->snap);
  read_kernel_statistics(fd, &m);  // reading sets them to zero
  uint64_t before[counter_count];
  const bool counted = read_counters(counters, before);
  const uint64_t cpu_before = cpu_ns();
  atomic_fetch_add(&shared->started, 1);

  read_ring(fd, ring, o, &m, &table);

  m.cpu_ns = cpu_ns() - cpu_before;
  m.counted = read_counters(counters, m.counters) && counted;
  for (unsigned i = 0; i < counter_count; i++) m.counters[i] -= before[i];
  read_kernel_statistics(fd, &m);
  m.flows = table.used;
  m.pss_kb = memory_kb("Pss:");
  m.rss_kb = memory_kb("Rss:");
  shared->members[index] = m;
  atomic_fetch_add(&shared->stopped, 1);
  wait_for(&shared->stopped, o->procs);
}

// ---- All members
// --------------------------------------------------------------------------------------------------------------------

static void fork_members(const struct options* o) {
  for (unsigned i = 0; i < o->procs; i++) {
    const pid_t pid = fork();
    if (pid < 0) die("fork");
    if (pid > 0) continue;
    run_member(o, i);
    _exit(0);
  }
}

// A member that fails has said why; one that is killed has not. Either way there is no result, and the others die with us.
static void check_members(void) {
  int status = 0;
  if (waitpid(-1, &status, WNOHANG) <= 0 || status == 0) return;
  fprintf(stderr, "reference-reader: a member ended early (wait status 0x%x)\n", (unsigned)status);
  exit(exit_failure);
}

static void wait_for_members(atomic_uint* count, unsigned goal) {
  while (atomic_load(count) < goal) {
    check_members();
    sleep_us(300);
  }
}

static void wait_for_end(const struct options* o, uint64_t start) {
  for (;;) {
    const uint64_t last = atomic_load(&shared->last_block_ns), now = now_ns();
    if (interrupted || now > start + o->seconds_max * 1000000000ull) return;
    if (last != 0 && now > last + o->idle_ms * 1000000ull) return;
    check_members();
    sleep_us(20000);
  }
}

static struct member total_of(unsigned procs) {
  struct member t = {.counted = true};
  for (unsigned i = 0; i < procs; i++) {
    const struct member* m = &shared->members[i];
    t.packets += m->packets, t.bytes += m->bytes, t.ignored += m->ignored, t.flows += m->flows;
    t.blocks += m->blocks, t.polls += m->polls;
    t.kernel_packets += m->kernel_packets, t.drops += m->drops, t.freezes += m->freezes;
    t.cpu_ns += m->cpu_ns, t.pss_kb += m->pss_kb, t.rss_kb += m->rss_kb;
    t.counted = t.counted && m->counted;
    for (unsigned j = 0; j < counter_count; j++) t.counters[j] += m->counters[j];
  }
  return t;
}

// Where the processor or the hypervisor offers no counters, null says so; zero would read as a measurement.
static void print_per_packet(const char* name, const struct member* t, enum counter counter) {
  if (t->counted && t->packets != 0)
    printf(",\"%s\":%.1f", name, (double)t->counters[counter] / (double)t->packets);
  else
    printf(",\"%s\":null", name);
}

static void print_result(const struct options* o) {
  const struct member t = total_of(o->procs);
  printf("{\"event\":\"result\",\"work\":\"%s\",\"procs\":%u,\"packets\":%llu,\"bytes\":%llu,\"ignored\":%llu,\"flows\":%llu",
         work_names[o->work], o->procs, (unsigned long long)t.packets, (unsigned long long)t.bytes, (unsigned long long)t.ignored,
         (unsigned long long)t.flows);
  printf(",\"kernelPackets\":%llu,\"drops\":%llu,\"freezes\":%llu,\"blocks\":%llu,\"polls\":%llu",
         (unsigned long long)t.kernel_packets, (unsigned long long)t.drops, (unsigned long long)t.freezes,
         (unsigned long long)t.blocks, (unsigned long long)t.polls);
  printf(",\"cpuNs\":%llu,\"cpuNsPerPacket\":%.1f,\"pssKb\":%llu,\"rssKb\":%llu", (unsigned long long)t.cpu_ns,
         t.packets == 0 ? 0 : (double)t.cpu_ns / (double)t.packets, (unsigned long long)t.pss_kb, (unsigned long long)t.rss_kb);
  print_per_packet("userCyclesPerPacket", &t, user_cycles);
  print_per_packet("userInstructionsPerPacket", &t, user_instructions);
  print_per_packet("kernelCyclesPerPacket", &t, kernel_cycles);
  print_per_packet("kernelInstructionsPerPacket", &t, kernel_instructions);
  puts("}");
}

static const char usage[] =
    "reference-reader --interface NAME [options]: the least that reading a fanout group costs; prints lines of JSON\n"
    "  -i, --interface NAME     where to read; only ever in a private network namespace\n"
    "  -n, --procs N            processes in the group (default 8)\n"
    "  -m, --mode 1|2|3         1 count, 2 parse and count flows, 3 the same in batches of 32 (default 3)\n"
    "  -b, --block-size N       bytes of a block (default 524288)\n"
    "  -B, --blocks N           blocks of a ring (default 8)\n"
    "  -t, --block-timeout MS   (default 10)\n"
    "  -H, --slots N            initial slots of a table, a power of two (default 65536)\n"
    "  -s, --snap N             bytes of a packet to copy (default 0: all)\n"
    "  -g, --group N            fanout group (default 7117)\n"
    "  -I, --idle-ms N          end after so long without a packet (default 800)\n"
    "  -T, --seconds N          end after N seconds at the latest (default 60)\n"
    "  -c, --cpu N              run all processes on this CPU only\n";

static struct options parse_options(int argc, char** argv) {
  static const struct option table[] = {{"interface", required_argument, NULL, 'i'},
                                        {"procs", required_argument, NULL, 'n'},
                                        {"mode", required_argument, NULL, 'm'},
                                        {"block-size", required_argument, NULL, 'b'},
                                        {"blocks", required_argument, NULL, 'B'},
                                        {"block-timeout", required_argument, NULL, 't'},
                                        {"slots", required_argument, NULL, 'H'},
                                        {"snap", required_argument, NULL, 's'},
                                        {"group", required_argument, NULL, 'g'},
                                        {"idle-ms", required_argument, NULL, 'I'},
                                        {"seconds", required_argument, NULL, 'T'},
                                        {"cpu", required_argument, NULL, 'c'},
                                        {NULL, 0, NULL, 0}};
  struct options o = {.procs = 8,
                      .work = work_batch,
                      .block_bytes = 524288,
                      .blocks = 8,
                      .block_timeout_ms = 10,
                      .slots = 65536,
                      .group = 7117,
                      .idle_ms = 800,
                      .seconds_max = 60,
                      .cpu = -1};
  for (int c; (c = getopt_long(argc, argv, "i:n:m:b:B:t:H:s:g:I:T:c:", table, NULL)) != -1;) {
    switch (c) {
      case 'i':
        o.interface = optarg;
        break;
      case 'n':
        o.procs = (unsigned)parse_number("procs", optarg, 1, members_max);
        break;
      case 'm':
        o.work = (enum work)parse_number("mode", optarg, work_count, work_batch);
        break;
      case 'b':
        o.block_bytes = (uint32_t)parse_number("block-size", optarg, 4096, 1u << 30);
        break;
      case 'B':
        o.blocks = (uint32_t)parse_number("blocks", optarg, 1, 65536);
        break;
      case 't':
        o.block_timeout_ms = (uint32_t)parse_number("block-timeout", optarg, 1, 10000);
        break;
      case 'H':
        o.slots = parse_number("slots", optarg, 64, 1ull << 32);
        break;
      case 's':
        o.snap = (uint32_t)parse_number("snap", optarg, 0, whole_packet);
        break;
      case 'g':
        o.group = (uint32_t)parse_number("group", optarg, 1, UINT16_MAX);
        break;
      case 'I':
        o.idle_ms = parse_number("idle-ms", optarg, 1, 60000);
        break;
      case 'T':
        o.seconds_max = parse_number("seconds", optarg, 1, 3600);
        break;
      case 'c':
        o.cpu = (int)parse_number("cpu", optarg, 0, CPU_SETSIZE - 1);
        break;
      default:
        fputs(usage, stderr);
        exit(exit_usage);
    }
  }
  if (o.interface == NULL || optind != argc || (o.slots & (o.slots - 1)) != 0) {
    fputs(usage, stderr);
    exit(exit_usage);
  }
  return o;
}

int main(int argc, char** argv) {
  const struct options options = parse_options(argc, argv);
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) die("mmap");

  handle_signals(SIG_IGN);  // inherited by the members: Ctrl-C reaches them too, but it is for us to end them
  fork_members(&options);
  handle_signals(SIG_DFL);
  wait_for_members(&shared->joined, options.procs);
  sleep_us(5000);  // a grace period: the last join is seen by every CPU before any filter opens
  atomic_store(&shared->go, true);
  wait_for_members(&shared->started, options.procs);
  handle_signals(request_end);
  puts("{\"event\":\"ready\"}");
  fflush(stdout);

  wait_for_end(&options, now_ns());
  atomic_store(&shared->stop, true);
  wait_for_members(&shared->stopped, options.procs);
  while (wait(NULL) > 0) continue;
  print_result(&options);
  return 0;
}
