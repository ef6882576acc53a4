// SPDX-License-Identifier: BSD-3-Clause
// A path in memory that insists on the order of changes and can refuse one of them.
#pragma once

#include "overlay/forwarding_state.h"
#include "overlay/path.h"

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sallyport::overlay::test {

/// A row's kind and key as text: "tenant 3", "fdb 3 02:00:00:00:00:01".
std::string key_of(const Row& row);
/// The whole row as text, to compare rows of paths and states.
std::string text_of(const Row& row);

class RecordingPath final : public Path {
  public:
    Expected<void> apply(std::span<const RowChange> changes, std::size_t* applied) override;
    std::optional<std::chrono::seconds> idle_time(TenantId tenant,
                                                  const net::MacAddress& mac) override;
    void take_learned(std::vector<LearnEvent>& events, std::size_t most) override;

    /// The change after @p changes more is refused, once.
    void refuse_after(std::size_t changes) { refuse_after_ = changes; }
    void refuse_none() { refuse_after_.reset(); }
    /// Every change of this key is refused from now on; empty: none.
    void refuse_key(std::string key) { refused_key_ = std::move(key); }

    /// Rows by key, as text.
    [[nodiscard]] std::map<std::string, std::string> rows() const;
    /// "put tenant 0", "remove vtep 3", ... in the order applied.
    std::vector<std::string> log;
    /// Orders that a path must never see: something put before what it refers to, or removed before
    /// what refers to it.
    std::vector<std::string> violations;
    /// Answers of idle_time().
    std::map<std::pair<TenantId, net::MacAddress>, std::chrono::seconds> idle;
    std::size_t idle_questions = 0;
    std::deque<LearnEvent> learned;

  private:
    void check_put(const Row& row);
    void check_remove(const Row& row);

    std::map<std::string, Row> rows_;
    std::optional<std::size_t> refuse_after_;
    std::string refused_key_;
};

/// What the state holds, in the form of RecordingPath::rows().
std::map<std::string, std::string> rows_of(const ForwardingState& state);

net::IpAddress address(const char* text);
net::MacAddress mac(std::uint64_t value);
NextHopLinks links(std::uint64_t destination);
/// Two remote vteps, two vm ports (each one MAC), two fdb entries.
TenantSpec blue();
/// Shares 192.0.2.2 with blue; learning off.
TenantSpec red();

} // namespace sallyport::overlay::test
