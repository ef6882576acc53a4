// SPDX-License-Identifier: BSD-3-Clause
#include "datapath/graph.h"

#include "datapath/nodes/node.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include <rte_errno.h>

namespace sallyport::datapath {

namespace {

const NodeDefinition* const definitions[] = {
    &port_rx_node,        &handover_rx_node,  &vm_input_node,       &host_input_node,
    &underlay_input_node, &vxlan_decap_node,  &fdb_lookup_node,     &flood_node,
    &vxlan_encap_node,    &mtu_exceeded_node, &port_tx_node,        &drop_node,
    &esp_inbound_node,    &esp_outbound_node, &detector_input_node,
};

/// rte_node_register ends in an array of names, which C++ cannot initialise; RTE_NODE_REGISTER's
/// constructor would also be dropped by the linker from a static library. So by hand.
Expected<void> register_node(const NodeDefinition& definition) {
    const std::size_t size =
        sizeof(rte_node_register) + definition.next.size() * sizeof(const char*);
    struct Free {
        void operator()(rte_node_register* node) const { std::free(node); }
    };
    std::unique_ptr<rte_node_register, Free> node(
        static_cast<rte_node_register*>(std::calloc(1, size)));
    if (!node) return failure("out of memory", "software path");
    std::strncpy(node->name, definition.name, sizeof node->name - 1);
    node->flags = definition.source ? RTE_NODE_SOURCE_F : 0;
    node->process = definition.process;
    node->nb_edges = static_cast<rte_edge_t>(definition.next.size());
    for (std::size_t i = 0; i < definition.next.size(); ++i)
        node->next_nodes[i] = definition.next[i];
    node->parent_id = RTE_NODE_ID_INVALID;
    if (__rte_node_register(node.get()) == RTE_NODE_ID_INVALID)
        return failure(std::string("cannot register graph node ") + definition.name + ": "
                           + rte_strerror(rte_errno),
                       "software path");
    return {};
}

Expected<void> register_nodes() {
    static bool registered = false;
    if (registered) return {};
    for (const NodeDefinition* definition : definitions)
        if (auto done = register_node(*definition); !done) return done;
    registered = true;
    return {};
}

} // namespace

Expected<void> create_graph(Worker& worker, const std::string& name) {
    if (auto done = register_nodes(); !done) return done;
    // The sources; the rest is reached by their edges.
    const char* patterns[] = {"sallyport-*"};
    rte_graph_param parameters{};
    parameters.socket_id = SOCKET_ID_ANY;
    parameters.nb_node_patterns = 1;
    parameters.node_patterns = patterns;
    worker.graph_id = rte_graph_create(name.c_str(), &parameters);
    if (worker.graph_id == RTE_GRAPH_ID_INVALID)
        return failure(std::string("cannot create the graph: ") + rte_strerror(rte_errno),
                       "worker on lcore " + std::to_string(worker.lcore));
    worker.graph = rte_graph_lookup(name.c_str());
    for (const NodeDefinition* definition : definitions) {
        rte_node* const node = rte_graph_node_get_by_name(name.c_str(), definition->name);
        const Worker* const self = &worker;
        // NOLINTBEGIN(bugprone-sizeof-expression): the pointer is what is kept there
        static_assert(sizeof self <= sizeof node->ctx);
        std::memcpy(node->ctx, &self, sizeof self);
        // NOLINTEND(bugprone-sizeof-expression)
    }
    return {};
}

void destroy_graph(Worker& worker) {
    if (worker.graph_id == RTE_GRAPH_ID_INVALID) return;
    rte_graph_destroy(worker.graph_id);
    worker.graph_id = RTE_GRAPH_ID_INVALID;
    worker.graph = nullptr;
}

Expected<std::unique_ptr<GraphStatistics>> GraphStatistics::create(const std::string& pattern) {
    std::unique_ptr<GraphStatistics> self(new GraphStatistics);
    const char* patterns[] = {pattern.c_str()};
    rte_graph_cluster_stats_param parameters{};
    parameters.socket_id = SOCKET_ID_ANY;
    parameters.fn = collect;
    parameters.cookie = self.get();
    parameters.nb_graph_patterns = 1;
    parameters.graph_patterns = patterns;
    self->statistics_ = rte_graph_cluster_stats_create(&parameters);
    if (self->statistics_ == nullptr)
        return failure(std::string("cannot read graph statistics: ") + rte_strerror(rte_errno),
                       "software path");
    return self;
}

GraphStatistics::~GraphStatistics() {
    if (statistics_ != nullptr) rte_graph_cluster_stats_destroy(statistics_);
}

int GraphStatistics::collect(bool, bool, void* cookie, const rte_graph_cluster_node_stats* node) {
    static_cast<GraphStatistics*>(cookie)->collected_.push_back(
        {node->name, node->calls, node->objs, node->cycles});
    return 0;
}

std::vector<NodeCounters> GraphStatistics::read_absolute() {
    collected_.clear();
    rte_graph_cluster_stats_get(statistics_, false);
    std::sort(collected_.begin(), collected_.end(),
              [](const auto& left, const auto& right) { return left.node < right.node; });
    return collected_;
}

std::vector<NodeCounters> GraphStatistics::read() {
    std::vector<NodeCounters> nodes = read_absolute();
    for (NodeCounters& node : nodes) {
        const auto base = std::find_if(base_.begin(), base_.end(), [&](const auto& candidate) {
            return candidate.node == node.node;
        });
        if (base == base_.end()) continue;
        node.calls -= base->calls;
        node.packets -= base->packets;
        node.cycles -= base->cycles;
    }
    return nodes;
}

void GraphStatistics::reset() {
    base_ = read_absolute();
}

} // namespace sallyport::datapath
