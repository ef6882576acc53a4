// SPDX-License-Identifier: BSD-3-Clause
// Asks the mlx5 driver what the unit tests ask the strict double, and says where it does not say
// the same. Prints each verdict with the driver's words.
//
//   verdicts EAL-ARGUMENTS...
#include "eswitch/dpdk_flow_api.h"
#include "unit/eswitch/accepting_flow_api.h"
#include "unit/eswitch/verdict_corpus.h"

#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_version.h>

namespace {

using namespace sallyport::eswitch;

constexpr const char* pci = "0000:03:00.0";

std::uint16_t port_named(const std::string& suffix) {
    std::uint16_t port = 0;
    const std::string name = pci + suffix;
    if (rte_eth_dev_get_port_by_name(name.c_str(), &port) == 0) return port;
    std::cerr << "there is no port " << name << '\n';
    std::exit(1);
}

void set_up(std::uint16_t port, rte_mempool* pool) {
    rte_eth_conf conf{};
    if (rte_eth_dev_configure(port, 1, 1, &conf) == 0
        && rte_eth_rx_queue_setup(port, 0, 256, SOCKET_ID_ANY, nullptr, pool) == 0
        && rte_eth_tx_queue_setup(port, 0, 256, SOCKET_ID_ANY, nullptr) == 0)
        return;
    std::cerr << "port " << port << ": " << rte_strerror(rte_errno) << '\n';
    std::exit(1);
}

Answer answer_of(const CorpusEntry& entry, const CorpusCard& card, std::string& words) {
    CorpusRun run(card);
    entry.run(run);
    words = run.words();
    return run.answer();
}

/// @return whether both say what the corpus has
bool agree(const CorpusEntry& entry, const CorpusCard& nic, const CorpusCard& double_card) {
    std::string words;
    const Answer strict = answer_of(entry, double_card, words);
    bool right = strict == entry.expected;
    std::cout << entry.name << ": " << strict;
    if (entry.driver == CorpusEntry::Driver::not_asked) {
        std::cout << "; the driver is not asked: " << entry.reason << '\n';
        return right;
    }
    const bool differs = entry.driver == CorpusEntry::Driver::differs;
    const Answer driver = answer_of(entry, nic, words);
    right = right && driver == (differs ? entry.expected_of_driver : entry.expected);
    if (driver != strict) std::cout << "; the driver: " << driver;
    if (!words.empty()) std::cout << ", '" << words << "'";
    if (differs) std::cout << ": " << entry.reason;
    std::cout << (right ? "" : " -- WRONG") << '\n';
    return right;
}

int close_all(const CorpusCard& card) {
    // The first is the transfer proxy, which goes last.
    int status = 0;
    std::uint16_t port = 0;
    RTE_ETH_FOREACH_DEV(port)
    if (port != card.proxy) status |= rte_eth_dev_stop(port);
    status |= rte_eth_dev_stop(card.proxy);
    RTE_ETH_FOREACH_DEV(port)
    if (port != card.proxy) status |= rte_eth_dev_close(port);
    return status | rte_eth_dev_close(card.proxy) | rte_eal_cleanup();
}

} // namespace

int main(int count, char** arguments) {
    if (rte_eal_init(count, arguments) < 0) return 1;
    std::cout << rte_version() << '\n';
    rte_mempool* const pool =
        rte_pktmbuf_pool_create("packets", 8191, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    const auto driver = make_dpdk_flow_api();
    const CorpusCard nic{.flow = *driver,
                         .start = rte_eth_dev_start,
                         .stop = rte_eth_dev_stop,
                         .proxy = port_named("_p0"),
                         .other_wire = port_named("_p1"),
                         .vm = port_named("_representor_c0pf0vf0"),
                         .other_vm = port_named("_representor_c0pf0vf1"),
                         .stranger = RTE_MAX_ETHPORTS - 1};
    for (const std::uint16_t port : {nic.proxy, nic.other_wire, nic.vm, nic.other_vm})
        set_up(port, pool);
    AcceptingFlowApi nothing;
    StrictFlowApi strict(nothing);
    const CorpusCard double_card = corpus_card(strict);
    unsigned asked = 0, wrong = 0;
    for (const CorpusEntry& entry : verdict_corpus()) {
        ++asked;
        if (!agree(entry, nic, double_card)) ++wrong;
        std::cout.flush();
    }
    std::cout << asked << " asked, " << wrong << " wrong\n";
    const int closed = close_all(nic);
    return wrong == 0 && closed == 0 ? 0 : 1;
}
