// SPDX-License-Identifier: BSD-3-Clause
#include "net/detector_frames.h"

#include "net/neighbour_frames.h"

#include <algorithm>

namespace sallyport::net {

bool is_for_detectors(const DetectorStation& station, std::span<const std::uint8_t> frame) {
    if (frame.size() < station.mac.octets.size() || frame.size() > most_detector_frame)
        return false;
    const MacAddress destination = MacAddress::from_octets(frame.data());
    if (!destination.is_multicast()) return destination == station.mac && !station.mac.is_zero();
    if (station.addresses.empty()) return false;
    const auto request = parse_neighbour_request(frame);
    return request
           && std::ranges::find(station.addresses, request->target) != station.addresses.end();
}

} // namespace sallyport::net
