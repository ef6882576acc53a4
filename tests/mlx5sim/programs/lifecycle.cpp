// SPDX-License-Identifier: BSD-3-Clause
// Probes the card, starts its ports, puts a thousand rules into it, has one of them count packets,
// sees a link go and come, takes the rules away, stops the ports in the order that the driver
// wants, and closes them. Prints what it found, a line for each thing.
//
//   lifecycle EAL-ARGUMENTS...
//
// Exit status 77 where DPDK has no mlx5 driver.
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <link.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_flow.h>
#include <rte_version.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace {

void check(int code, const char* what, unsigned port) {
    if (code >= 0) return;
    std::fprintf(stderr, "port %u: %s: %s\n", port, what, rte_strerror(-code));
    std::exit(1);
}

constexpr unsigned queue_size = 64;

void configure(std::uint16_t port, rte_mempool* pool) {
    rte_eth_conf conf{};
    conf.intr_conf.lsc = 1;
    check(rte_eth_dev_configure(port, 1, 1, &conf), "configure", port);
    check(rte_eth_rx_queue_setup(port, 0, 256, SOCKET_ID_ANY, nullptr, pool), "Rx queue", port);
    check(rte_eth_tx_queue_setup(port, 0, 256, SOCKET_ID_ANY, nullptr), "Tx queue", port);
    rte_flow_port_attr attributes{};
    attributes.nb_counters = 4096;
    rte_flow_queue_attr queue{};
    queue.size = queue_size;
    const rte_flow_queue_attr* queues = &queue;
    rte_flow_error error{};
    check(rte_flow_configure(port, &attributes, 1, &queues, &error), "flow engine", port);
}

void print(std::uint16_t port) {
    char name[RTE_ETH_NAME_MAX_LEN];
    rte_eth_dev_info info{};
    rte_eth_link link{};
    check(rte_eth_dev_get_name_by_port(port, name), "name", port);
    check(rte_eth_dev_info_get(port, &info), "info", port);
    check(rte_eth_link_get_nowait(port, &link), "link", port);
    std::printf("%s domain %u link %s\n", name, info.switch_info.domain_id,
                link.link_status != 0 ? "up" : "down");
}

// ---- rules

constexpr unsigned rules = 1000;
constexpr std::uint32_t flow_queue = 0;
/// The n-th rule's packets go to this address, whose last octets are n.
constexpr std::array<std::uint8_t, 6> first_destination{2, 0, 0, 0, 0, 0};

rte_ether_addr destination(unsigned rule) {
    rte_ether_addr address{};
    std::memcpy(address.addr_bytes, first_destination.data(), first_destination.size());
    address.addr_bytes[4] = static_cast<std::uint8_t>(rule >> 8);
    address.addr_bytes[5] = static_cast<std::uint8_t>(rule);
    return address;
}

[[noreturn]] void fail(const char* what, const rte_flow_error& error) {
    std::fprintf(stderr, "%s: %s\n", what, error.message != nullptr ? error.message : "no reason");
    std::exit(1);
}

/// By the destination's MAC address, counted and to a port.
class Rules {
  public:
    Rules(std::uint16_t proxy, std::uint16_t to);
    void create();
    void destroy();
    std::uint64_t packets(unsigned rule) const;

  private:
    void pull(unsigned& in_flight, unsigned most) const;

    std::uint16_t proxy_;
    rte_flow_pattern_template* pattern_ = nullptr;
    rte_flow_actions_template* actions_ = nullptr;
    rte_flow_template_table* table_ = nullptr;
    std::array<rte_flow*, rules> flows_{};
    rte_flow_action_ethdev port_{};
    std::array<rte_flow_action, 3> list_{};
};

Rules::Rules(std::uint16_t proxy, std::uint16_t to) : proxy_(proxy) {
    rte_flow_error error{};
    rte_flow_item_eth mask{};
    std::memset(&mask.hdr.dst_addr, 0xff, sizeof mask.hdr.dst_addr);
    const std::array<rte_flow_item, 2> items{
        {{RTE_FLOW_ITEM_TYPE_ETH, nullptr, nullptr, &mask}, {RTE_FLOW_ITEM_TYPE_END, {}, {}, {}}}};
    rte_flow_pattern_template_attr pattern{};
    pattern.relaxed_matching = 1;
    pattern.transfer = 1;
    pattern_ = rte_flow_pattern_template_create(proxy_, &pattern, items.data(), &error);
    if (pattern_ == nullptr) fail("pattern", error);
    port_.port_id = to;
    list_ = {{{RTE_FLOW_ACTION_TYPE_COUNT, nullptr},
              {RTE_FLOW_ACTION_TYPE_REPRESENTED_PORT, &port_},
              {RTE_FLOW_ACTION_TYPE_END, nullptr}}};
    rte_flow_actions_template_attr actions{};
    actions.transfer = 1;
    actions_ =
        rte_flow_actions_template_create(proxy_, &actions, list_.data(), list_.data(), &error);
    if (actions_ == nullptr) fail("actions", error);
    rte_flow_template_table_attr table{};
    table.flow_attr.transfer = 1;
    table.nb_flows = rules;
    table_ = rte_flow_template_table_create(proxy_, &table, &pattern_, 1, &actions_, 1, &error);
    if (table_ == nullptr) fail("table", error);
}

// As many are under way as the queue holds, less one that it keeps.
void Rules::pull(unsigned& in_flight, unsigned most) const {
    rte_flow_error error{};
    if (rte_flow_push(proxy_, flow_queue, &error) < 0) fail("push", error);
    while (in_flight > most) {
        std::array<rte_flow_op_result, 32> results{};
        const int count = rte_flow_pull(proxy_, flow_queue, results.data(), results.size(), &error);
        if (count < 0) fail("pull", error);
        for (int i = 0; i < count; ++i)
            if (results[i].status != RTE_FLOW_OP_SUCCESS) fail("operation", error);
        in_flight -= static_cast<unsigned>(count);
    }
}

void Rules::create() {
    rte_flow_error error{};
    const rte_flow_op_attr when{.postpone = 1};
    unsigned in_flight = 0;
    for (unsigned i = 0; i < rules; ++i) {
        rte_flow_item_eth wanted{};
        wanted.hdr.dst_addr = destination(i);
        const std::array<rte_flow_item, 2> items{
            {{RTE_FLOW_ITEM_TYPE_ETH, &wanted, {}, {}}, {RTE_FLOW_ITEM_TYPE_END, {}, {}, {}}}};
        flows_[i] = rte_flow_async_create(proxy_, flow_queue, &when, table_, items.data(), 0,
                                          list_.data(), 0, nullptr, &error);
        if (flows_[i] == nullptr) fail("rule", error);
        if (++in_flight == queue_size / 2) pull(in_flight, 0);
    }
    pull(in_flight, 0);
}

void Rules::destroy() {
    rte_flow_error error{};
    const rte_flow_op_attr when{.postpone = 1};
    unsigned in_flight = 0;
    for (rte_flow* const flow : flows_) {
        if (rte_flow_async_destroy(proxy_, flow_queue, &when, flow, nullptr, &error) != 0)
            fail("destroy", error);
        if (++in_flight == queue_size / 2) pull(in_flight, 0);
    }
    pull(in_flight, 0);
    if (rte_flow_template_table_destroy(proxy_, table_, &error) != 0
        || rte_flow_actions_template_destroy(proxy_, actions_, &error) != 0
        || rte_flow_pattern_template_destroy(proxy_, pattern_, &error) != 0)
        fail("templates", error);
}

std::uint64_t Rules::packets(unsigned rule) const {
    rte_flow_error error{};
    rte_flow_query_count count{};
    const std::array<rte_flow_action, 2> asked{
        {{RTE_FLOW_ACTION_TYPE_COUNT, nullptr}, {RTE_FLOW_ACTION_TYPE_END, nullptr}}};
    if (rte_flow_query(proxy_, flows_[rule], asked.data(), &count, &error) != 0)
        fail("query", error);
    return count.hits;
}

// ---- the card's control socket

/// Waits for the answer.
void command(const std::string& text) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, std::getenv("MLX5SIM_CONTROL"), sizeof address.sun_path - 1);
    const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    // The kernel chooses a name for a sender that wants to be answered.
    const sockaddr_un own{AF_UNIX, ""};
    if (::bind(socket, reinterpret_cast<const sockaddr*>(&own), sizeof own.sun_family) != 0
        || ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0
        || ::send(socket, text.data(), text.size(), 0) < 0) {
        std::perror("MLX5SIM_CONTROL");
        std::exit(1);
    }
    std::array<char, 256> answer{};
    if (::recv(socket, answer.data(), answer.size() - 1, 0) < 0
        || std::strncmp(answer.data(), "ok", 2) != 0) {
        std::fprintf(stderr, "%s: %s\n", text.c_str(), answer.data());
        std::exit(1);
    }
    ::close(socket);
}

template<typename Condition>
void wait_until(const char* what, Condition condition) {
    using namespace std::chrono;
    for (const auto end = steady_clock::now() + seconds(30); !condition();) {
        if (steady_clock::now() > end) {
            std::fprintf(stderr, "never came true: %s\n", what);
            std::exit(1);
        }
        std::this_thread::sleep_for(milliseconds(5));
    }
}

/// By the table's rule for that address alone.
void count_packets(const Rules& made) {
    constexpr unsigned counted = 7, sent = 50;
    std::string frame;
    for (const std::uint8_t octet : destination(counted).addr_bytes) {
        std::array<char, 3> digits{};
        std::snprintf(digits.data(), digits.size(), "%02x", octet);
        frame += digits.data();
    }
    frame += "020000aaaaaa88b5" + std::string(2 * 46, '0');
    command("measure p0 " + std::to_string(sent) + " " + frame);
    wait_until("the packets are counted", [&] { return made.packets(counted) == sent; });
    if (made.packets(counted + 1) != 0) {
        std::fprintf(stderr, "another rule has counted them too\n");
        std::exit(1);
    }
    std::printf("%u packets counted\n", sent);
}

// ---- links

std::atomic<unsigned> links_down = 0, links_up = 0;

int tell_link(std::uint16_t port, rte_eth_event_type, void*, void*) {
    rte_eth_link link{};
    check(rte_eth_link_get_nowait(port, &link), "link", port);
    ++(link.link_status != 0 ? links_up : links_down);
    return 0;
}

void pull_cable(std::uint16_t port) {
    check(rte_eth_dev_callback_register(port, RTE_ETH_EVENT_INTR_LSC, tell_link, nullptr), "events",
          port);
    command("link p0 down");
    wait_until("the link is down", [] { return links_down > 0; });
    const unsigned before = links_up;
    command("link p0 up");
    wait_until("the link is up again", [&] { return links_up > before; });
    std::printf("link down and up\n");
}

// Drivers are plugins: who has DPDK need not have this one.
bool has_driver() {
    const auto is_it = [](dl_phdr_info* library, std::size_t, void*) {
        return std::strstr(library->dlpi_name, "librte_net_mlx5") != nullptr ? 1 : 0;
    };
    return dl_iterate_phdr(is_it, nullptr) != 0;
}

} // namespace

int main(int count, char** arguments) {
    const std::string control = "/tmp/mlx5sim-lifecycle-" + std::to_string(getpid());
    setenv("MLX5SIM_CONTROL", control.c_str(), 1);
    if (rte_eal_init(count, arguments) < 0) return 1;
    std::printf("%s\n", rte_version());
    if (!has_driver()) {
        std::printf("skipped: DPDK has no mlx5 driver here\n");
        return 77;
    }
    rte_mempool* const pool =
        rte_pktmbuf_pool_create("packets", 8191, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    std::vector<std::uint16_t> ports;
    std::uint16_t port = 0;
    RTE_ETH_FOREACH_DEV(port) ports.push_back(port);
    if (ports.empty()) {
        std::fprintf(stderr, "the driver made no port\n");
        return 1;
    }
    for (const std::uint16_t each : ports)
        configure(each, pool);
    for (const std::uint16_t each : ports)
        check(rte_eth_dev_start(each), "start", each);
    for (const std::uint16_t each : ports)
        print(each);
    Rules made(ports.front(), ports.back());
    made.create();
    std::printf("%u rules\n", rules);
    count_packets(made);
    pull_cable(ports.front());
    made.destroy();
    unlink(control.c_str());
    // The first is the transfer proxy, which goes last.
    for (auto each = ports.rbegin(); each != ports.rend(); ++each)
        check(rte_eth_dev_stop(*each), "stop", *each);
    for (auto each = ports.rbegin(); each != ports.rend(); ++each)
        check(rte_eth_dev_close(*each), "close", *each);
    return rte_eal_cleanup() == 0 ? 0 : 1;
}
