// Sends an exact number of Ethernet frames of F two-way flows and says how fast it was, as one line of JSON.
//
// The frames leave through an AF_PACKET socket, so they may only be aimed at an interface that was made for the purpose (a veth
// pair in a private network namespace). Packet i belongs to flow i / 2 mod F, and the two directions of a flow alternate: every
// flow is two-way from its second packet on, and with many flows each packet finds the reader's caches cold, which is the worst
// case.
#include <arpa/inet.h>
#include <getopt.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

enum {
  batch_max = 64,
  frame_room = 2048,
  fcs_bytes = 4,         // sizes are given as testers give them, with the frame check sequence that a socket never sees
  frame_bytes_min = 60,  // 64 with the frame check sequence
  frame_bytes_max = 1518,
};

enum kind { kind_plain, kind_vlan, kind_qinq, kind_sctp, kind_icmp, kind_count };
static const char* const kind_names[kind_count] = {"plain", "vlan", "qinq", "sctp", "icmp"};

struct options {
  const char* interface;
  uint64_t packets;
  uint64_t rate;  // packets per second; 0 is as fast as possible
  uint64_t seconds_max;
  uint32_t flows;
  uint32_t offset;  // number of the first flow, so that two runs can use different flows
  uint32_t seed;
  uint32_t size_min;
  uint32_t size_max;
  uint32_t ipv6_percent;
  uint32_t tcp_percent;
  enum kind kind;
  int cpu;
};

struct flow {
  uint32_t id;
  uint32_t client;  // the IPv4 address, or the last four bytes of the IPv6 address
  uint32_t server;
  uint16_t client_port;
  uint16_t server_port;
  uint8_t protocol;
  bool ipv6;
};

struct totals {
  uint64_t packets;
  uint64_t bytes;
  uint64_t retries;
  uint64_t late;  // batches sent more than 2 ms after their time: the asked rate was not held evenly
};

static volatile sig_atomic_t stop_requested;
static void request_stop(int signal_number) {
  (void)signal_number;
  stop_requested = 1;
}

// A bijection on 32 bits that changes about half of the output bits for each input bit (the finalizer of MurmurHash3).
static inline uint32_t scramble(uint32_t x) {
  x = (x ^ x >> 16) * 0x85ebca6bu;
  x = (x ^ x >> 13) * 0xc2b2ae35u;
  return x ^ x >> 16;
}

static inline uint8_t* put16(uint8_t* at, uint32_t value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
  return at + 2;
}

static inline uint8_t* put32(uint8_t* at, uint32_t value) { return put16(put16(at, value >> 16), value); }

// The client's address holds the low half of the number and the server's the high half, so different flows always have different
// address pairs, up to 2^32 of them. The benchmarking ranges 198.18.0.0/15 (RFC 2544) and 2001:2::/48 (RFC 5180) belong to
// nobody.
static struct flow flow_of(const struct options* o, uint32_t id) {
  const uint32_t noise = scramble(id ^ o->seed * 0x9e3779b9u);
  const uint32_t more_noise = scramble(noise + 1);
  struct flow f = {
      .id = id,
      .client = 0xc6120000u | (id & 0xffff),
      .server = 0xc6130000u | ((id >> 16 ^ scramble(id & 0xffff)) & 0xffff),
      .client_port = (uint16_t)(1024 + noise % 60000),
      .server_port = (uint16_t)(noise >> 28 < 8 ? 443 : 1024 + more_noise % 30000),
      .protocol = (more_noise >> 16) % 100 < o->tcp_percent ? IPPROTO_TCP : IPPROTO_UDP,
      .ipv6 = (noise >> 8) % 100 < o->ipv6_percent,
  };
  if (o->kind == kind_sctp) f.protocol = IPPROTO_SCTP;
  if (o->kind == kind_icmp) f.protocol = f.ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
  return f;
}

static struct flow reversed(struct flow f) {
  return (struct flow){f.id, f.server, f.client, f.server_port, f.client_port, f.protocol, f.ipv6};
}

static uint8_t* put_ethernet(uint8_t* at, bool reverse) {
  static const uint8_t macs[2][ETH_ALEN] = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}};
  memcpy(at, macs[!reverse], ETH_ALEN);
  memcpy(at + ETH_ALEN, macs[reverse], ETH_ALEN);
  return at + 2 * ETH_ALEN;
}

static uint8_t* put_tags(uint8_t* at, enum kind kind, uint32_t flow_id) {
  const uint32_t vlan_id = 1 + flow_id % 4094;
  if (kind == kind_qinq) at = put16(put16(at, ETH_P_8021AD), 7);
  if (kind == kind_vlan || kind == kind_qinq) at = put16(put16(at, ETH_P_8021Q), vlan_id);
  return at;
}

static uint32_t transport_bytes_min(uint8_t protocol) {
  switch (protocol) {
    case IPPROTO_TCP:
      return 20;
    case IPPROTO_SCTP:
      return 12 + 4;  // common header and an empty chunk
    default:
      return 8;
  }
}

static uint32_t ip_checksum(const uint8_t* header) {
  uint32_t sum = 0;
  for (int i = 0; i < 20; i += 2) sum += (uint32_t)header[i] << 8 | header[i + 1];
  sum = (sum & 0xffff) + (sum >> 16);
  return ~(sum + (sum >> 16));
}

static uint8_t* put_ipv4(uint8_t* at, struct flow f, uint32_t bytes) {
  put32(at, 0x45000000u | bytes);
  put32(at + 4, f.id << 16 | 0x4000);  // do not fragment
  put32(at + 8, 64u << 24 | (uint32_t)f.protocol << 16);
  put32(at + 12, f.client);
  put32(at + 16, f.server);
  put16(at + 10, ip_checksum(at));
  return at + 20;
}

static uint8_t* put_ipv6_address(uint8_t* at, uint32_t last) { return put32(put32(put32(put32(at, 0x20010002u), 0), 0), last); }

static uint8_t* put_ipv6(uint8_t* at, struct flow f, uint32_t bytes) {
  at = put32(at, 6u << 28);
  at = put32(at, (bytes - 40) << 16 | (uint32_t)f.protocol << 8 | 64);
  return put_ipv6_address(put_ipv6_address(at, f.client), f.server);
}

// Checksums of the transport layer stay zero: nothing that captures these frames verifies them, and computing them would only
// slow the generator down.
static void put_transport(uint8_t* at, struct flow f, bool reverse, uint32_t bytes) {
  const uint32_t ports = (uint32_t)f.client_port << 16 | f.server_port;
  switch (f.protocol) {
    case IPPROTO_TCP:
      put32(put32(put32(at, ports), f.id), f.id);  // both sides say the same for ever: nobody acknowledges what was never sent
      put32(put32(at + 12, 0x50102000u), 0);       // ACK, header of 20 bytes, window 8192
      return;
    case IPPROTO_SCTP:
      put32(put32(put32(put32(at, ports), f.id), 0), 0x0e000004u);  // SHUTDOWN COMPLETE: a chunk without a body
      return;
    case IPPROTO_ICMP:
      put32(put32(at, reverse ? 0 : 8u << 24), f.id << 16 | 1);
      return;
    case IPPROTO_ICMPV6:
      put32(put32(at, (reverse ? 129u : 128u) << 24), f.id << 16 | 1);
      return;
    default:
      put32(put32(at, ports), bytes << 16);
      return;
  }
}

static uint32_t frame_size(const struct options* o, uint64_t index) {
  if (o->size_min == o->size_max) return o->size_min - fcs_bytes;
  return o->size_min + scramble((uint32_t)index ^ o->seed) % (o->size_max - o->size_min + 1) - fcs_bytes;
}

// Returns the frame's length: the asked size, or what the headers need where that is more (74 bytes for TCP over IPv6).
static size_t build_frame(uint8_t* frame, const struct options* o, uint64_t index) {
  const bool reverse = index & 1;
  const struct flow initiator = flow_of(o, o->offset + (uint32_t)(index / 2 % o->flows));
  const struct flow f = reverse ? reversed(initiator) : initiator;

  uint8_t* at = put_tags(put_ethernet(frame, reverse), o->kind, f.id);
  at = put16(at, f.ipv6 ? ETH_P_IPV6 : ETH_P_IP);

  const uint32_t before_ip = (uint32_t)(at - frame);
  const uint32_t ip_header = f.ipv6 ? 40 : 20;
  const uint32_t ip_min = ip_header + transport_bytes_min(f.protocol);
  const uint32_t size = frame_size(o, index);
  const uint32_t ip_bytes = size > before_ip + ip_min ? size - before_ip : ip_min;

  at = f.ipv6 ? put_ipv6(at, f, ip_bytes) : put_ipv4(at, f, ip_bytes);
  put_transport(at, f, reverse, ip_bytes - ip_header);
  const uint32_t length = before_ip + ip_bytes;
  return length < frame_bytes_min ? frame_bytes_min : length;
}

// Sleeps while the time is far and spins when it is near, because a sleep ends some 60 us late.
static void wait_until(uint64_t due) {
  for (uint64_t now = now_ns(); now < due && !stop_requested; now = now_ns()) {
    if (due - now > 200000) sleep_us((long)((due - now) / 1000 - 100));
  }
}

// A full receive backlog is reported as ENOBUFS without any packet being lost: trying again keeps the count exact.
static void send_batch(int fd, struct mmsghdr* messages, unsigned count, uint64_t end, struct totals* totals) {
  for (unsigned done = 0; done < count && !stop_requested;) {
    const int sent = sendmmsg(fd, messages + done, count - done, 0);
    if (sent < 0) {
      if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR) die("sendmmsg");
      totals->retries++;
      if (now_ns() >= end) return;
      continue;
    }
    for (int i = 0; i < sent; i++) totals->bytes += messages[done + (unsigned)i].msg_hdr.msg_iov->iov_len;
    totals->packets += (uint64_t)sent;
    done += (unsigned)sent;
  }
}

// Protocol 0: the sending socket must not receive. Without the queueing discipline the frame reaches the peer in this very system
// call, and no tap on the sending interface gets a copy.
static int open_sender(const char* interface) {
  const struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(interface)};
  if (address.sll_ifindex == 0) die(interface);
  const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  const int one = 1;
  if (setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one) != 0) die("PACKET_QDISC_BYPASS");
  if (bind(fd, (const struct sockaddr*)&address, sizeof address) != 0) die("bind");
  return fd;
}

// At a low rate a full batch would be a long silence and then a burst: no batch is worth more than a millisecond.
static unsigned batch_size(uint64_t rate) {
  if (rate == 0 || rate / 1000 >= batch_max) return batch_max;
  return rate < 1000 ? 1 : (unsigned)(rate / 1000);
}

static struct totals send_all(int fd, const struct options* o, uint64_t start) {
  static uint8_t frames[batch_max][frame_room];
  static struct iovec parts[batch_max];
  static struct mmsghdr messages[batch_max];
  memset(frames, 0x5a, sizeof frames);
  for (int i = 0; i < batch_max; i++) {
    parts[i].iov_base = frames[i];
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }

  struct totals totals = {0};
  const unsigned batch = batch_size(o->rate);
  const uint64_t end = start + o->seconds_max * 1000000000u;
  while (totals.packets < o->packets && !stop_requested && now_ns() < end) {
    const uint64_t left = o->packets - totals.packets;
    const unsigned count = left < batch ? (unsigned)left : batch;
    for (unsigned i = 0; i < count; i++) parts[i].iov_len = build_frame(frames[i], o, totals.packets + i);
    if (o->rate != 0) {
      const uint64_t due = start + (uint64_t)((double)totals.packets * 1e9 / (double)o->rate);
      if (now_ns() > due + 2000000) totals.late++;
      wait_until(due);
    }
    send_batch(fd, messages, count, end, &totals);
  }
  return totals;
}

static void print_result(const struct options* o, struct totals t, uint64_t elapsed_ns, uint64_t used_cpu_ns) {
  const double seconds = (double)elapsed_ns / 1e9;
  const double per_packet = t.packets == 0 ? 0 : (double)used_cpu_ns / (double)t.packets;
  printf(
      "{\"kind\":\"%s\",\"flows\":%u,\"seed\":%u,\"sent\":%llu,\"bytes\":%llu,\"seconds\":%.6f,\"pps\":%.0f,"
      "\"cpuNsPerPacket\":%.1f,\"retries\":%llu,\"late\":%llu}\n",
      kind_names[o->kind], o->flows, o->seed, (unsigned long long)t.packets, (unsigned long long)t.bytes, seconds,
      (double)t.packets / seconds, per_packet, (unsigned long long)t.retries, (unsigned long long)t.late);
}

static enum kind parse_kind(const char* text) {
  for (int kind = 0; kind < kind_count; kind++) {
    if (strcmp(text, kind_names[kind]) == 0) return (enum kind)kind;
  }
  fprintf(stderr, "--kind is plain, vlan, qinq, sctp or icmp, not \"%s\"\n", text);
  exit(exit_usage);
}

static const char usage[] =
    "generator --interface NAME [options]: send two-way flows, print one line of JSON\n"
    "  -i, --interface NAME     where to send; only ever one end of a veth pair in a private namespace\n"
    "  -n, --packets N          how many packets exactly (default 1000000)\n"
    "  -F, --flows N            two-way flows (default 1000)\n"
    "  -r, --rate N             packets per second (default 0: as fast as possible)\n"
    "  -T, --seconds N          stop after N seconds at the latest (default 60)\n"
    "  -k, --kind KIND          plain, vlan, qinq, sctp or icmp (default plain)\n"
    "  -s, --size N             frame size with its check sequence (default 64)\n"
    "  -S, --size-max N         sizes evenly spread from --size to N\n"
    "  -6, --ipv6 PERCENT       share of IPv6 flows (default 30)\n"
    "  -t, --tcp PERCENT        share of TCP flows, the others are UDP (default 50)\n"
    "  -o, --offset N           number of the first flow (default 0)\n"
    "      --seed N             which families, protocols, ports and sizes the flows get (default 1)\n"
    "  -c, --cpu N              run on this CPU only\n";

static struct options parse_options(int argc, char** argv) {
  static const struct option table[] = {{"interface", required_argument, NULL, 'i'}, {"packets", required_argument, NULL, 'n'},
                                        {"flows", required_argument, NULL, 'F'},     {"rate", required_argument, NULL, 'r'},
                                        {"seconds", required_argument, NULL, 'T'},   {"kind", required_argument, NULL, 'k'},
                                        {"size", required_argument, NULL, 's'},      {"size-max", required_argument, NULL, 'S'},
                                        {"ipv6", required_argument, NULL, '6'},      {"tcp", required_argument, NULL, 't'},
                                        {"offset", required_argument, NULL, 'o'},    {"seed", required_argument, NULL, 'e'},
                                        {"cpu", required_argument, NULL, 'c'},       {NULL, 0, NULL, 0}};
  struct options o = {.packets = 1000000,
                      .seconds_max = 60,
                      .flows = 1000,
                      .seed = 1,
                      .size_min = 64,
                      .ipv6_percent = 30,
                      .tcp_percent = 50,
                      .cpu = -1};
  for (int c; (c = getopt_long(argc, argv, "i:n:F:r:T:k:s:S:6:t:o:c:", table, NULL)) != -1;) {
    switch (c) {
      case 'i':
        o.interface = optarg;
        break;
      case 'n':
        o.packets = parse_number("packets", optarg, 1, 1000000000000);
        break;
      case 'F':
        o.flows = (uint32_t)parse_number("flows", optarg, 1, UINT32_MAX);
        break;
      case 'r':
        o.rate = parse_number("rate", optarg, 0, 100000000);
        break;
      case 'T':
        o.seconds_max = parse_number("seconds", optarg, 1, 3600);
        break;
      case 'k':
        o.kind = parse_kind(optarg);
        break;
      case 's':
        o.size_min = (uint32_t)parse_number("size", optarg, 64, frame_bytes_max);
        break;
      case 'S':
        o.size_max = (uint32_t)parse_number("size-max", optarg, 64, frame_bytes_max);
        break;
      case '6':
        o.ipv6_percent = (uint32_t)parse_number("ipv6", optarg, 0, 100);
        break;
      case 't':
        o.tcp_percent = (uint32_t)parse_number("tcp", optarg, 0, 100);
        break;
      case 'o':
        o.offset = (uint32_t)parse_number("offset", optarg, 0, UINT32_MAX);
        break;
      case 'e':
        o.seed = (uint32_t)parse_number("seed", optarg, 0, UINT32_MAX);
        break;
      case 'c':
        o.cpu = (int)parse_number("cpu", optarg, 0, CPU_SETSIZE - 1);
        break;
      default:
        fputs(usage, stderr);
        exit(exit_usage);
    }
  }
  if (o.size_max == 0) o.size_max = o.size_min;
  if (o.interface == NULL || optind != argc || o.size_max < o.size_min) {
    fputs(usage, stderr);
    exit(exit_usage);
  }
  return o;
}

int main(int argc, char** argv) {
  const struct options options = parse_options(argc, argv);
  pin_to_cpu(options.cpu);
  const struct sigaction on_stop = {.sa_handler = request_stop};
  sigaction(SIGINT, &on_stop, NULL);
  sigaction(SIGTERM, &on_stop, NULL);
  const int fd = open_sender(options.interface);

  const uint64_t start = now_ns(), cpu_start = cpu_ns();
  const struct totals totals = send_all(fd, &options, start);
  const uint64_t elapsed = now_ns() - start, used = cpu_ns() - cpu_start;
  print_result(&options, totals, elapsed, used);
  close(fd);
  return 0;
}
