// SPDX-License-Identifier: BSD-3-Clause
#include "commands/report_json.h"

namespace sallyport::commands {

namespace {

Json neighbour_json(const control::DetectorReport::Neighbour& neighbour) {
    return {{"address", neighbour.address.to_string()},
            {"answers", !neighbour.lost},
            {"missed", neighbour.missed}};
}

Json neighbour_probe_json(const control::DetectorReport::NeighbourProbe& probe) {
    return {{"failed", probe.failed}, {"targets", array_json(probe.targets, neighbour_json)}};
}

/// Those that happened.
Json discarded_json(const net::BfdDiscardCounters& counters) {
    Json discarded = Json::object();
    for (std::size_t i = 0; i < counters.size(); ++i)
        if (counters[i] != 0)
            discarded[std::string(name(static_cast<net::BfdDiscard>(i)))] = counters[i];
    return discarded;
}

Json bfd_json(const control::DetectorReport::Bfd& bfd) {
    return {{"local", bfd.ends.local.to_string()},
            {"peer", bfd.ends.peer.to_string()},
            {"peer_mac", bfd.peer_mac ? Json(bfd.peer_mac->to_string()) : Json()},
            {"failed", bfd.failed},
            {"state", to_string(bfd.state)},
            {"diagnostic", to_string(bfd.diagnostic)},
            {"remote_state", to_string(bfd.remote_state)},
            {"remote_diagnostic", to_string(bfd.remote_diagnostic)},
            {"transmit_interval_us", bfd.transmit_interval.count()},
            {"detection_time_us",
             bfd.detection_time.count() == 0 ? Json() : Json(bfd.detection_time.count())},
            {"sent", bfd.sent},
            {"received", bfd.received},
            {"discarded", discarded_json(bfd.discarded)}};
}

} // namespace

Json detector_json(const control::DetectorReport& report) {
    return {{"uplink", report.uplink},
            {"mac", report.mac.to_string()},
            {"neighbours", report.neighbours ? neighbour_probe_json(*report.neighbours) : Json()},
            {"bfd", report.bfd ? bfd_json(*report.bfd) : Json()}};
}

} // namespace sallyport::commands
