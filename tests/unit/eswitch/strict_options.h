// SPDX-License-Identifier: BSD-3-Clause
// What kind of NIC, driver and day the strict double plays.
#pragma once

#include <cstdint>
#include <vector>

namespace sallyport::eswitch {

struct StrictOptions {
    enum class Completion : std::uint8_t {
        /// An operation is done when it is pushed; results come in order.
        at_once,
        /// Done some time later, in any order; results come later still, fewer than asked for.
        late_and_mixed,
    };

    Completion completion = Completion::at_once;
    /// Of the completions' schedule and of random failures.
    std::uint64_t seed = 1;

    /// Indexes of TAG that have a register; the rest are the driver's or the kernel's own.
    std::vector<std::uint8_t> tags{0, 1, 2};
    /// META has a register in the E-Switch with dv_xmeta_en=4 only.
    bool meta = false;
    bool ipv4_ihl = true;
    /// Nine words anywhere in the match key: NICs newer than ConnectX-6.
    bool full_width_match = false;
    /// The firmware writes rules itself, by a command for each. Else a table has one mask.
    bool generated_rules = false;

    /// Drivers before 23.07 have no update.
    bool can_update = true;
    /// Cards whose encap_entropy_hash_type is another one cannot be asked.
    bool knows_encap_hash = true;
    /// 23.11 asks for it with representor matching; 24.11 configures what the application did not.
    bool configure_every_port = true;
    /// A rule more than the table was made for: at once, or when it completes.
    bool full_table_fails_at_once = true;
    /// Freed counters come back with the service thread's next cycle: see service_cycle().
    bool counters_wait_for_service = false;
};

} // namespace sallyport::eswitch
