// SPDX-License-Identifier: BSD-3-Clause
// Why the strict double says no.
#pragma once

#include <cerrno>
#include <optional>

#include <rte_flow.h>

namespace sallyport::eswitch {

struct Refusal {
    /// Positive errno value.
    int code = EINVAL;
    const char* message = nullptr;
    rte_flow_error_type type = RTE_FLOW_ERROR_TYPE_UNSPECIFIED;
    const void* cause = nullptr;
    /// mlx5 takes the template, and refuses any table that is made of it.
    bool at_table = false;
};

using Verdict = std::optional<Refusal>;

inline Verdict refuse(int code, const char* message,
                      rte_flow_error_type type = RTE_FLOW_ERROR_TYPE_UNSPECIFIED,
                      const void* cause = nullptr) {
    return Refusal{code, message, type, cause};
}

inline Verdict refuse(int code, const rte_flow_item& item, const char* message) {
    return Refusal{code, message, RTE_FLOW_ERROR_TYPE_ITEM, &item};
}

inline Verdict refuse(int code, const rte_flow_action& action, const char* message) {
    return Refusal{code, message, RTE_FLOW_ERROR_TYPE_ACTION, &action};
}

inline Verdict refuse_at_table(const rte_flow_action& action, const char* message) {
    Verdict verdict = refuse(EINVAL, action, message);
    verdict->at_table = true;
    return verdict;
}

/// Fills in @p error and rte_errno. @return the negative errno value
inline int report(const Refusal& refusal, rte_flow_error& error) {
    return rte_flow_error_set(&error, refusal.code, refusal.type, refusal.cause, refusal.message);
}

/// For the functions whose failure is a null pointer.
inline std::nullptr_t report_null(const Refusal& refusal, rte_flow_error& error) {
    report(refusal, error);
    return nullptr;
}

} // namespace sallyport::eswitch
