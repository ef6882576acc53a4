// SPDX-License-Identifier: BSD-3-Clause
// The template tables of all stages, on the transfer proxy. A table has one pattern template, and a
// stage a table for each of its patterns: where masks differ within a table, mlx5 has the firmware
// write each rule by a command of its own, if the firmware can, and refuses it where the match is
// wider than eight words.
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

/// The most of them that have the same pattern.
std::uint32_t rules_of_pattern(StageId id, const StageSizes& sizes);

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
    /// For rules of this pattern. Of a stage whose tables are on demand it may be made here.
    Expected<rte_flow_template_table*> table(StageId id, std::uint8_t pattern);
    [[nodiscard]] const PipelineSettings& settings() const { return settings_; }

  private:
    struct Tables {
        /// By pattern; null: not made yet.
        std::vector<rte_flow_template_table*> tables;
        std::vector<rte_flow_pattern_template*> patterns;
        std::vector<rte_flow_actions_template*> actions;
    };

    Pipeline(FlowApi& flow, std::uint16_t proxy, const Settings& settings)
        : flow_(&flow), proxy_(proxy), settings_{.fixed_dscp = settings.dscp.has_value()},
          sizes_(stage_sizes(settings)) {}
    Expected<void> add(StageId id);
    Expected<void> add_patterns(const Stage& stage, Tables& tables);
    Expected<void> add_actions(const Stage& stage, Tables& tables);
    Expected<void> add_table(StageId id, std::uint8_t pattern);
    void remove(Tables& tables);

    FlowApi* flow_;
    std::uint16_t proxy_;
    PipelineSettings settings_;
    StageSizes sizes_;
    std::array<Tables, stage_count> tables_;
};

} // namespace sallyport::eswitch
