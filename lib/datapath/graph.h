// SPDX-License-Identifier: BSD-3-Clause
// The graph of the software path: nodes registered once a process, one graph a worker.
#pragma once

#include "base/error.h"
#include "datapath/software_path.h"
#include "datapath/worker.h"

#include <memory>
#include <string>
#include <vector>

namespace sallyport::datapath {

/// Makes the worker's graph and ties its nodes to the worker. The graph is destroyed by
/// destroy_graph().
Expected<void> create_graph(Worker& worker, const std::string& name);
void destroy_graph(Worker& worker);

/// rte_graph's statistics, summed over the graphs whose names match. Control thread.
class GraphStatistics {
  public:
    /// @param pattern shell pattern of graph names
    static Expected<std::unique_ptr<GraphStatistics>> create(const std::string& pattern);
    ~GraphStatistics();
    GraphStatistics(const GraphStatistics&) = delete;
    GraphStatistics& operator=(const GraphStatistics&) = delete;

    /// Since creation or the last reset(), by node name.
    std::vector<NodeCounters> read();
    void reset();

  private:
    GraphStatistics() = default;
    std::vector<NodeCounters> read_absolute();
    static int collect(bool first, bool last, void* cookie,
                       const struct rte_graph_cluster_node_stats* node);

    struct rte_graph_cluster_stats* statistics_ = nullptr;
    std::vector<NodeCounters> collected_;
    std::vector<NodeCounters> base_;
};

} // namespace sallyport::datapath
