// SPDX-License-Identifier: BSD-3-Clause
// Frames through the driver's burst functions. No rules are made: what a port sends leaves by the
// E-Switch's port of the same name, and what enters there comes to it.
//
//   loopback EAL-ARGUMENTS... -- forward ONE OTHER [scatter]   from each to the other until SIGTERM
//   loopback EAL-ARGUMENTS... -- offload PORT [tags]           packets that leave work to the card
//   loopback EAL-ARGUMENTS... -- rate ONE OTHER                as many as it can, one way
//
// Ports have the names of the card: p0, pf0vf0. With "scatter" a jumbo frame takes several buffers,
// and the driver uses its scalar function; with "tags" it is asked for VLAN insertion, which it has
// no function for unless it may put data into its requests (txqs_min_inline=0). Prints a line for
// each thing that it found out.
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <rte_byteorder.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_flow.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>
#include <rte_udp.h>
#include <rte_vxlan.h>

namespace {

constexpr std::uint16_t queues = 2, burst = 32;
/// Jumbo frames, in buffers that hold a part of one.
constexpr std::uint16_t mtu = 9000;
std::atomic<bool> stopped = false;

void check(int code, const char* what, unsigned port) {
    if (code >= 0) return;
    std::fprintf(stderr, "port %u: %s: %s\n", port, what, rte_strerror(-code));
    std::exit(1);
}

bool has_name(std::uint16_t port, const std::string& name) {
    std::array<char, RTE_ETH_NAME_MAX_LEN> device{};
    check(rte_eth_dev_get_name_by_port(port, device.data()), "name", port);
    const std::string whole = device.data();
    const auto ends_with = [&](const std::string& ending) {
        return whole.size() > ending.size()
               && whole.compare(whole.size() - ending.size(), ending.size(), ending) == 0;
    };
    // Without the multiport E-Switch, the uplink has the card's name and nothing more.
    if (whole.find('_') == std::string::npos) return name == "p0";
    if (name.rfind("pf0", 0) == 0 && ends_with("_representor_" + name.substr(3))) return true;
    return ends_with(name.rfind("pf", 0) == 0 ? "_c0" + name : "_" + name);
}

std::uint16_t port_named(const std::string& name) {
    std::uint16_t port = 0;
    RTE_ETH_FOREACH_DEV(port)
    if (has_name(port, name)) return port;
    std::fprintf(stderr, "there is no port %s\n", name.c_str());
    std::exit(1);
}

/// What the last word of the command asks for.
struct Wanted {
    bool scatter = false, tags = false;
};

rte_mempool* make_pool(const Wanted& wanted) {
    const std::uint16_t room = RTE_PKTMBUF_HEADROOM + (wanted.scatter ? 2048 : mtu + 128);
    rte_mempool* const pool =
        rte_pktmbuf_pool_create("packets", 16383, 256, 0, room, SOCKET_ID_ANY);
    if (pool == nullptr) check(-rte_errno, "buffers", 0);
    return pool;
}

void configure(std::uint16_t port, rte_mempool* pool, const Wanted& wanted) {
    rte_eth_dev_info info{};
    check(rte_eth_dev_info_get(port, &info), "info", port);
    rte_eth_conf conf{};
    conf.intr_conf.lsc = 1;
    conf.rxmode.mtu = mtu;
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rxmode.offloads = RTE_ETH_RX_OFFLOAD_CHECKSUM | RTE_ETH_RX_OFFLOAD_RSS_HASH
                           | (wanted.scatter ? RTE_ETH_RX_OFFLOAD_SCATTER : 0);
    conf.rx_adv_conf.rss_conf.rss_hf = RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_TCP;
    conf.txmode.offloads = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM
                           | RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO
                           | (wanted.tags ? RTE_ETH_TX_OFFLOAD_VLAN_INSERT : 0)
                           | RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_OUTER_IPV4_CKSUM
                           | RTE_ETH_TX_OFFLOAD_VXLAN_TNL_TSO;
    check(rte_eth_dev_configure(port, queues, queues, &conf), "configure", port);
    for (std::uint16_t queue = 0; queue < queues; ++queue) {
        check(rte_eth_rx_queue_setup(port, queue, 1024, SOCKET_ID_ANY, nullptr, pool), "Rx queue",
              port);
        check(rte_eth_tx_queue_setup(port, queue, 1024, SOCKET_ID_ANY, nullptr), "Tx queue", port);
    }
    rte_flow_port_attr attributes{};
    rte_flow_queue_attr queue{};
    queue.size = 64;
    const rte_flow_queue_attr* flow_queues = &queue;
    rte_flow_error error{};
    check(rte_flow_configure(port, &attributes, 1, &flow_queues, &error), "flow engine", port);
}

// ---- links

int tell_link(std::uint16_t port, rte_eth_event_type, void*, void*) {
    rte_eth_link link{};
    check(rte_eth_link_get_nowait(port, &link), "link", port);
    std::printf("port %u link %s\n", port, link.link_status != 0 ? "up" : "down");
    std::fflush(stdout);
    return 0;
}

// ---- forward

struct Seen {
    std::array<std::uint64_t, queues> by_queue{};
    std::uint64_t ip_right = 0, transport_right = 0, hashed = 0, in_parts = 0, lost = 0;
};

void note(const rte_mbuf& packet, Seen& seen) {
    seen.ip_right += (packet.ol_flags & RTE_MBUF_F_RX_IP_CKSUM_GOOD) != 0;
    seen.transport_right += (packet.ol_flags & RTE_MBUF_F_RX_L4_CKSUM_GOOD) != 0;
    seen.hashed += (packet.ol_flags & RTE_MBUF_F_RX_RSS_HASH) != 0;
    seen.in_parts += packet.nb_segs > 1;
}

unsigned move(std::uint16_t from, std::uint16_t to, std::uint16_t queue, Seen& seen) {
    std::array<rte_mbuf*, burst> packets{};
    const std::uint16_t count = rte_eth_rx_burst(from, queue, packets.data(), burst);
    for (std::uint16_t i = 0; i < count; ++i) {
        note(*packets[i], seen);
        // What the card found out is not what it is to do.
        packets[i]->ol_flags = 0;
    }
    seen.by_queue[queue] += count;
    const std::uint16_t sent = rte_eth_tx_burst(to, queue, packets.data(), count);
    seen.lost += count - sent;
    rte_pktmbuf_free_bulk(packets.data() + sent, count - sent);
    return count;
}

void forward(std::uint16_t one, std::uint16_t other) {
    std::array<Seen, 2> seen;
    std::printf("forwards\n");
    std::fflush(stdout);
    while (!stopped) {
        unsigned moved = 0;
        for (std::uint16_t queue = 0; queue < queues; ++queue)
            moved += move(one, other, queue, seen[0]) + move(other, one, queue, seen[1]);
        if (moved == 0) rte_delay_us_sleep(20);
    }
    for (const auto& [name, from] : {std::pair{"one", &seen[0]}, std::pair{"other", &seen[1]}})
        std::printf(
            "%s %lu %lu ip_right %lu transport_right %lu hashed %lu in_parts %lu lost %lu\n", name,
            from->by_queue[0], from->by_queue[1], from->ip_right, from->transport_right,
            from->hashed, from->in_parts, from->lost);
}

// ---- offload

constexpr std::array<std::uint8_t, 6> source_mac{2, 0, 0, 0, 0, 1},
    destination_mac{2, 0, 0, 0, 0, 2};

template<typename Header>
Header* append(rte_mbuf* packet) {
    auto* const header = reinterpret_cast<Header*>(rte_pktmbuf_append(packet, sizeof(Header)));
    *header = {};
    return header;
}

void append_ethernet(rte_mbuf* packet, std::uint16_t type) {
    auto* const header = append<rte_ether_hdr>(packet);
    std::memcpy(&header->src_addr, source_mac.data(), source_mac.size());
    std::memcpy(&header->dst_addr, destination_mac.data(), destination_mac.size());
    header->ether_type = rte_cpu_to_be_16(type);
}

void append_ipv4(rte_mbuf* packet, std::uint8_t protocol, std::size_t payload) {
    auto* const header = append<rte_ipv4_hdr>(packet);
    header->version_ihl = 0x45;
    header->total_length = rte_cpu_to_be_16(sizeof *header + payload);
    header->time_to_live = 64;
    header->next_proto_id = protocol;
    header->src_addr = rte_cpu_to_be_32(RTE_IPV4(192, 0, 2, 1));
    header->dst_addr = rte_cpu_to_be_32(RTE_IPV4(192, 0, 2, 2));
}

void append_ipv6(rte_mbuf* packet, std::uint8_t protocol, std::size_t payload) {
    std::array<std::uint8_t, 40> header{0x60};
    header[4] = static_cast<std::uint8_t>(payload >> 8);
    header[5] = static_cast<std::uint8_t>(payload);
    header[6] = protocol;
    header[7] = 64;
    // 2001:db8::1 to 2001:db8::2
    for (const std::size_t at : {8, 24}) {
        header[at] = 0x20;
        header[at + 1] = 0x01;
        header[at + 2] = 0x0d;
        header[at + 3] = 0xb8;
        header[at + 15] = at == 8 ? 1 : 2;
    }
    std::memcpy(rte_pktmbuf_append(packet, header.size()), header.data(), header.size());
}

void append_udp(rte_mbuf* packet, std::uint16_t port, std::size_t payload) {
    auto* const header = append<rte_udp_hdr>(packet);
    header->src_port = rte_cpu_to_be_16(5000);
    header->dst_port = rte_cpu_to_be_16(port);
    header->dgram_len = rte_cpu_to_be_16(sizeof *header + payload);
}

void append_tcp(rte_mbuf* packet) {
    auto* const header = append<rte_tcp_hdr>(packet);
    header->src_port = rte_cpu_to_be_16(5000);
    header->dst_port = rte_cpu_to_be_16(5001);
    header->sent_seq = rte_cpu_to_be_32(1000);
    header->data_off = 5 << 4;
    header->tcp_flags = RTE_TCP_ACK_FLAG | RTE_TCP_PSH_FLAG | RTE_TCP_FIN_FLAG;
    header->rx_win = rte_cpu_to_be_16(1000);
}

/// The octet at n is n modulo 251, so that a piece tells where it belongs.
void append_payload(rte_mbuf* packet, std::size_t size, std::size_t first = 0) {
    auto* const payload = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(packet, size));
    for (std::size_t i = 0; i < size; ++i)
        payload[i] = static_cast<std::uint8_t>((first + i) % 251);
}

rte_mbuf* udp_packet(rte_mempool* pool, bool is_ipv6, std::size_t payload) {
    rte_mbuf* const packet = rte_pktmbuf_alloc(pool);
    const std::size_t above = sizeof(rte_udp_hdr) + payload;
    append_ethernet(packet, is_ipv6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4);
    if (is_ipv6)
        append_ipv6(packet, IPPROTO_UDP, above);
    else
        append_ipv4(packet, IPPROTO_UDP, above);
    append_udp(packet, 5001, payload);
    append_payload(packet, payload);
    packet->l2_len = sizeof(rte_ether_hdr);
    packet->l3_len = is_ipv6 ? 40 : sizeof(rte_ipv4_hdr);
    packet->ol_flags =
        RTE_MBUF_F_TX_UDP_CKSUM
        | (is_ipv6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM);
    return packet;
}

/// 4,000 octets of payload in two buffers, to be cut in parts of 1,000.
rte_mbuf* tcp_packet(rte_mempool* pool, bool in_vxlan) {
    constexpr std::size_t half = 2000, segment = 1000;
    rte_mbuf* const packet = rte_pktmbuf_alloc(pool);
    rte_mbuf* const rest = rte_pktmbuf_alloc(pool);
    const std::size_t tcp = sizeof(rte_tcp_hdr) + 2 * half;
    append_ethernet(packet, RTE_ETHER_TYPE_IPV4);
    packet->l2_len = sizeof(rte_ether_hdr);
    packet->ol_flags = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;
    if (in_vxlan) {
        const std::size_t inner = sizeof(rte_ether_hdr) + sizeof(rte_ipv4_hdr) + tcp;
        append_ipv4(packet, IPPROTO_UDP, 16 + inner);
        append_udp(packet, RTE_VXLAN_DEFAULT_PORT, 8 + inner);
        append<rte_vxlan_hdr>(packet)->vx_flags = rte_cpu_to_be_32(0x08000000);
        append_ethernet(packet, RTE_ETHER_TYPE_IPV4);
        packet->outer_l2_len = sizeof(rte_ether_hdr);
        packet->outer_l3_len = sizeof(rte_ipv4_hdr);
        packet->l2_len = sizeof(rte_udp_hdr) + sizeof(rte_vxlan_hdr) + sizeof(rte_ether_hdr);
        packet->ol_flags |=
            RTE_MBUF_F_TX_TUNNEL_VXLAN | RTE_MBUF_F_TX_OUTER_IPV4 | RTE_MBUF_F_TX_OUTER_IP_CKSUM;
    }
    append_ipv4(packet, IPPROTO_TCP, tcp);
    append_tcp(packet);
    packet->l3_len = sizeof(rte_ipv4_hdr);
    packet->l4_len = sizeof(rte_tcp_hdr);
    packet->tso_segsz = segment;
    append_payload(packet, half);
    append_payload(rest, half, half);
    rte_pktmbuf_chain(packet, rest);
    return packet;
}

void offload(std::uint16_t port, rte_mempool* pool, const Wanted& wanted) {
    std::vector<rte_mbuf*> packets;
    for (const bool is_ipv6 : {false, true})
        for (const std::size_t payload : {18, 501, 1400})
            packets.push_back(udp_packet(pool, is_ipv6, payload));
    if (wanted.tags) {
        packets.push_back(udp_packet(pool, false, 600));
        packets.back()->ol_flags |= RTE_MBUF_F_TX_VLAN;
        packets.back()->vlan_tci = 0x2064;
    }
    packets.push_back(tcp_packet(pool, false));
    packets.push_back(tcp_packet(pool, true));
    const auto count = static_cast<std::uint16_t>(packets.size());
    const std::uint16_t ready = rte_eth_tx_prepare(port, 0, packets.data(), count);
    if (ready != count) check(-rte_errno, "Tx prepare", port);
    std::printf("sent %u of %u\n", rte_eth_tx_burst(port, 0, packets.data(), count), count);
    std::fflush(stdout);
    while (!stopped)
        rte_delay_us_sleep(1000);
}

// ---- rate

void rate(std::uint16_t one, std::uint16_t other, rte_mempool* pool) {
    using Clock = std::chrono::steady_clock;
    constexpr unsigned wanted = 200'000;
    unsigned sent = 0, received = 0;
    std::array<rte_mbuf*, burst> packets{};
    const auto start = Clock::now();
    auto last = start;
    // What is in flight is less than the queues hold, so that none is lost.
    while (received < wanted && Clock::now() - last < std::chrono::seconds(2) && !stopped) {
        if (sent < wanted && sent - received < 512) {
            for (rte_mbuf*& packet : packets)
                packet = udp_packet(pool, false, 18);
            const std::uint16_t taken = rte_eth_tx_burst(one, 0, packets.data(), burst);
            rte_pktmbuf_free_bulk(packets.data() + taken, burst - taken);
            sent += taken;
        }
        for (std::uint16_t queue = 0; queue < queues; ++queue) {
            const std::uint16_t count = rte_eth_rx_burst(other, queue, packets.data(), burst);
            rte_pktmbuf_free_bulk(packets.data(), count);
            received += count;
            if (count > 0) last = Clock::now();
        }
    }
    const double seconds = std::chrono::duration<double>(last - start).count();
    std::printf("sent %u received %u in %.3f s: %.0f packets/s\n", sent, received, seconds,
                received / seconds);
}

void start(const std::vector<std::uint16_t>& ports, rte_mempool* pool, const Wanted& wanted) {
    for (const std::uint16_t port : ports)
        configure(port, pool, wanted);
    // The frames of the tests are for nobody in particular.
    for (const std::uint16_t port : ports)
        check(rte_eth_promiscuous_enable(port), "promiscuous mode", port);
    for (const std::uint16_t port : ports)
        check(rte_eth_dev_start(port), "start", port);
    for (const std::uint16_t port : ports) {
        rte_eth_burst_mode mode{};
        check(rte_eth_rx_burst_mode_get(port, 0, &mode), "burst mode", port);
        std::printf("port %u receives by %s\n", port, mode.info);
        check(rte_eth_dev_callback_register(port, RTE_ETH_EVENT_INTR_LSC, tell_link, nullptr),
              "link events", port);
        tell_link(port, RTE_ETH_EVENT_INTR_LSC, nullptr, nullptr);
    }
}

void stop(const std::vector<std::uint16_t>& ports) {
    for (auto port = ports.rbegin(); port != ports.rend(); ++port) {
        rte_eth_stats stats{};
        check(rte_eth_stats_get(*port, &stats), "statistics", *port);
        std::printf("port %u missed %lu errors %lu\n", *port, stats.imissed,
                    stats.ierrors + stats.oerrors);
    }
    // The first is the transfer proxy, which goes last.
    for (auto port = ports.rbegin(); port != ports.rend(); ++port)
        check(rte_eth_dev_stop(*port), "stop", *port);
    for (auto port = ports.rbegin(); port != ports.rend(); ++port)
        check(rte_eth_dev_close(*port), "close", *port);
}

} // namespace

int main(int count, char** arguments) {
    const int used = rte_eal_init(count, arguments);
    if (used < 0 || count - used < 3) return 1;
    const std::vector<std::string> words(arguments + used + 1, arguments + count);
    for (const int number : {SIGTERM, SIGINT})
        std::signal(number, [](int) { stopped = true; });
    const Wanted wanted{words.back() == "scatter", words.back() == "tags"};
    rte_mempool* const pool = make_pool(wanted);
    std::vector<std::uint16_t> ports;
    std::uint16_t port = 0;
    RTE_ETH_FOREACH_DEV(port) ports.push_back(port);
    start(ports, pool, wanted);
    if (words[0] == "forward")
        forward(port_named(words[1]), port_named(words.at(2)));
    else if (words[0] == "offload")
        offload(port_named(words[1]), pool, wanted);
    else if (words[0] == "rate")
        rate(port_named(words[1]), port_named(words.at(2)), pool);
    else
        return 1;
    stop(ports);
    return rte_eal_cleanup() == 0 ? 0 : 1;
}
