// SPDX-License-Identifier: BSD-3-Clause
// Failures that tests order from the strict double, and failures by chance.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>

namespace sallyport::eswitch {

enum class Operation : std::uint8_t {
    configure,
    create_pattern_template,
    create_actions_template,
    create_table,
    add_meter_profile,
    destroy_pattern_template,
    destroy_actions_template,
    destroy_table,
    create,
    update,
    destroy,
    push,
    pull,
    query_count,
    calculate_encap_hash,
};

struct Failure {
    enum class When : std::uint8_t {
        /// The call fails.
        call,
        /// The call succeeds and the result is RTE_FLOW_OP_ERROR; create, update and destroy only.
        completion,
    };

    When when = When::call;
    int code = ENOMEM;
    std::string message = "injected failure";
};

class StrictFaults {
  public:
    explicit StrictFaults(std::uint64_t seed) : random_(seed) {}

    /// The next @p count calls, after @p spared more.
    void fail_next(Operation operation, std::size_t count, Failure failure, std::size_t spared);
    /// @param rate 0 (never) to 1 (always)
    void fail_at_random(Operation operation, double rate, Failure failure);

    struct Injected {
        Failure::When when;
        int code;
        /// Lives as long as the object.
        const char* message;
    };
    /// Asked once a call.
    std::optional<Injected> draw(Operation operation);

  private:
    struct Order {
        std::size_t spared;
        std::size_t count;
        Failure failure;
    };
    struct Chance {
        double rate;
        Failure failure;
    };

    Injected inject(const Failure& failure);

    std::mt19937_64 random_;
    std::map<Operation, std::deque<Order>> orders_;
    std::map<Operation, Chance> chances_;
    std::set<std::string> messages_;
};

} // namespace sallyport::eswitch
