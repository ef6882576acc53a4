// SPDX-License-Identifier: BSD-3-Clause
// Any octets as a frame with a BFD control packet, and as the packet alone: the parsers stay inside
// what they may read, what is taken is written as it was, and a session goes on whatever comes.
#include "net/bfd.h"

#include "failover/bfd_session.h"
#include "target.h"

#include <algorithm>
#include <memory>

using namespace sallyport;

namespace {

void check_control(const net::BfdControl& control, std::span<const std::uint8_t> octets) {
    fuzz::require(control.detect_multiplier != 0 && control.my_discriminator != 0,
                  "what section 6.8.6 discards is not taken");
    const auto written = net::write_bfd_control(control);
    fuzz::require(control.authenticated || octets[3] != net::bfd_control_length
                      || std::equal(written.begin(), written.end(), octets.begin()),
                  "what is read is written as it was");
    net::BfdControl plain = control;
    plain.authenticated = false;
    fuzz::require(net::parse_bfd_control(written) == plain, "what is written is read as it was");
}

/// The session that sent one packet, and is up or not as the second bit says.
void check_session(const net::BfdControl& control) {
    failover::TimePoint now(std::chrono::hours(1));
    failover::BfdSession session(
        {}, control.your_discriminator | 1U, [] { return 0U; }, now);
    for (int turn = 0; turn < 4; ++turn) {
        const auto discarded = session.receive(control, now);
        const bool heard = session.remote_discriminator() == control.my_discriminator;
        fuzz::require(discarded || heard, "what is not discarded is heard");
        int sent = 0;
        while (session.transmit(now))
            fuzz::require(++sent <= 2, "no more than an answer and a periodic packet at once");
        const auto deadline = session.next_deadline();
        if (!deadline) break;
        fuzz::require(*deadline > now, "after sending, something is left to wait for");
        now = *deadline;
        session.advance(now);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { // NOLINT
    // Exactly as large as it may be read, so that AddressSanitizer sees one octet more.
    const std::unique_ptr<std::uint8_t[]> octets(new std::uint8_t[size]);
    std::copy_n(data, size, octets.get());
    const std::span<const std::uint8_t> input(octets.get(), size);
    if (const auto control = net::parse_bfd_control(input)) {
        check_control(*control, input);
        check_session(*control);
    }
    const auto frame = net::parse_bfd_frame(input);
    if (!frame) {
        fuzz::require(!net::explanation(frame.error()).empty(), "each discard has a reason");
        return 0;
    }
    const auto again = net::parse_bfd_frame(net::write_bfd_frame(*frame));
    fuzz::require(again && again->source == frame->source
                      && again->destination == frame->destination
                      && again->source_port == frame->source_port,
                  "a frame that is taken is taken again as we write it");
    return 0;
}
