// SPDX-License-Identifier: BSD-3-Clause
// A provisional E-Switch: without rules of a program, each port's representor is its other end.
#include "eswitch.h"

#include "fields.h"
#include "objects.h"
#include "queues.h"
#include "receive_side.h"
#include "root_tables.h"
#include "world.h"

#include <algorithm>
#include <unordered_map>
#include <vector>

namespace mlx5sim {

namespace {

constexpr std::size_t source_queue_at = 0x40, tag_at = 0xec;

/// How well a TIR's hash fits a frame; negative: it does not.
int fitness(const Tir& tir, const Layers& layers) {
    const HashFields& fields = tir.hash.outer;
    if (!fields.any()) return 0;
    if (layers.outer.version != (fields.is_ipv6 ? 6U : 4U)) return -1;
    if (!fields.source_port) return 1;
    return layers.outer.is(fields.is_udp ? protocol_udp : protocol_tcp) ? 2 : -1;
}

bool is_of(const Tir& tir, const Port& port) {
    const QueueTable* const table = QueueTable::find(tir.table);
    if (table == nullptr || table->queues.empty()) return false;
    const ReceiveQueue* const queue = ReceiveQueue::find(table->queues.front());
    // The driver stores its port number in big-endian order.
    return queue != nullptr && queue->ready
           && queue->options.user_index == __builtin_bswap16(port.number - 1);
}

} // namespace

void enter_from_outside(const Port& port, std::span<const std::uint8_t> frame) {
    const Layers layers = layers_of(frame);
    const Tir* best = nullptr;
    int most = -2;
    for (const auto& [id, tir] : Tir::all()) {
        if (!is_of(*tir, port)) continue;
        const int fits = fitness(*tir, layers);
        if (fits <= most) continue;
        most = fits;
        best = tir;
    }
    if (best != nullptr) deliver_to_tir(best->id, frame, {});
}

namespace {

const Port* port_of_queue(std::uint32_t sqn) {
    std::vector<std::uint32_t> queues, tags;
    for (const RootFlow* const flow : root_flows(MLX5_IB_UAPI_FLOW_TABLE_TYPE_FDB)) {
        const std::uint32_t queue = load32(flow->value.data() + source_queue_at);
        if (queue != 0)
            queues.push_back(queue);
        else
            tags.push_back(load32(flow->value.data() + tag_at));
    }
    std::sort(queues.begin(), queues.end());
    std::sort(tags.begin(), tags.end());
    const auto found = std::find(queues.begin(), queues.end(), sqn);
    if (found == queues.end() || tags.empty()) return nullptr;
    const std::size_t each = queues.size() / tags.size();
    const std::uint32_t tag = tags[(found - queues.begin()) / each];
    for (const Port& port : topology()->ports)
        if (port.tag == tag) return &port;
    return nullptr;
}

} // namespace

void enter_from_queue(std::uint32_t sqn, std::span<const std::uint8_t> frame) {
    static std::unordered_map<std::uint32_t, const Port*> known;
    const Port*& port = known[sqn];
    if (port == nullptr) port = port_of_queue(sqn);
    if (port != nullptr) send_out(*port, frame);
}

} // namespace mlx5sim
