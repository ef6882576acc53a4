// SPDX-License-Identifier: BSD-3-Clause
// The template tables of all stages, on the transfer proxy.
#pragma once

#include "base/error.h"
#include "eswitch/flow_api.h"
#include "eswitch/rule_spec.h"
#include "eswitch/settings.h"
#include "eswitch/stages/stage.h"

#include <array>
#include <cstdint>
#include <vector>

namespace sallyport::eswitch {

/// Rules that each stage must hold, by StageId.
using StageSizes = std::array<std::uint32_t, stage_count>;

/// For so many rows.
StageSizes stage_sizes(const Settings& settings);

/// Made after the proxy was started (before that, mlx5 would take our group 0 for its root table)
/// and destroyed before it stops; no rule may be left then. Control thread.
class Pipeline {
  public:
    /// @param flow must outlive the pipeline
    static Expected<Pipeline> create(FlowApi& flow, std::uint16_t proxy, const Settings& settings);
    ~Pipeline();
    Pipeline(Pipeline&& other) noexcept;
    Pipeline& operator=(Pipeline&&) = delete;
    Pipeline(const Pipeline&) = delete;

    [[nodiscard]] std::uint16_t proxy() const { return proxy_; }
    [[nodiscard]] rte_flow_template_table* table(StageId id) const {
        return tables_[static_cast<std::size_t>(id)].table;
    }
    [[nodiscard]] const PipelineSettings& settings() const { return settings_; }

  private:
    struct Table {
        rte_flow_template_table* table = nullptr;
        std::vector<rte_flow_pattern_template*> patterns;
        std::vector<rte_flow_actions_template*> actions;
    };

    Pipeline(FlowApi& flow, std::uint16_t proxy, const PipelineSettings& settings)
        : flow_(&flow), proxy_(proxy), settings_(settings) {}
    Expected<void> add(const Stage& stage, std::uint32_t rules, Table& table);
    Expected<void> add_patterns(const Stage& stage, Table& table);
    Expected<void> add_actions(const Stage& stage, Table& table);
    void remove(Table& table);

    FlowApi* flow_;
    std::uint16_t proxy_;
    PipelineSettings settings_;
    std::array<Table, stage_count> tables_;
};

} // namespace sallyport::eswitch
