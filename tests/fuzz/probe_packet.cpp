// SPDX-License-Identifier: BSD-3-Clause
// Any octets as packets of "failover probe", one behind the other: what is read is written as it
// was, and neither end's accounting breaks, whatever the other one claims.
#include "net/probe_packet.h"

#include "failover/probe_stream.h"
#include "target.h"

#include <algorithm>
#include <memory>

using namespace sallyport;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { // NOLINT
    failover::TimePoint now(std::chrono::hours(1));
    failover::ProbeResponder responder(2);
    failover::ProbeStream stream(0, 8);
    while (stream.next(now)) {
    }
    for (std::size_t at = 0; at < size; at += net::probe_packet_length) {
        // Exactly as large as it may be read, so that AddressSanitizer sees one octet more.
        const std::size_t length = std::min(net::probe_packet_length, size - at);
        const std::unique_ptr<std::uint8_t[]> octets(new std::uint8_t[length]);
        std::copy_n(data + at, length, octets.get());
        auto packet = net::parse_probe_packet({octets.get(), length});
        if (!packet) continue;
        const auto written = net::write_probe_packet(*packet);
        fuzz::require(std::equal(written.begin(), written.end(), octets.get()),
                      "what is read is written as it was");
        const auto answer = responder.answer(*packet, now);
        fuzz::require(answer.has_value() == (packet->kind == net::ProbeKind::request),
                      "only requests are answered");
        fuzz::require(!answer || answer->kind == net::ProbeKind::response, "by a response");
        packet->stream = 0;
        packet->sequence %= 10;
        packet->received %= 10;
        stream.receive(*packet, now);
        now += std::chrono::milliseconds(1);
    }
    const auto report = stream.report();
    fuzz::require(report.sent == 8 && report.received <= report.sent, "no more than was sent");
    fuzz::require(report.lost_there + report.lost_back + report.unanswered <= 2 * report.sent,
                  "losses have a bound");
    fuzz::require(report.gap_there.length.count() >= 0
                      && report.gap.length >= report.gap_back.length,
                  "gaps are times");
    return 0;
}
