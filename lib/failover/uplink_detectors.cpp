// SPDX-License-Identifier: BSD-3-Clause
#include "failover/uplink_detectors.h"

#include "net/neighbour_frames.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace sallyport::failover {

namespace {

constexpr std::uint8_t locally_administered = 0x02;
/// Nobody else makes MACs of another's by these bits. One for each uplink.
constexpr std::uint8_t marks[uplink_count] = {0x04, 0x08};
// Somebody who asks us over and over shall not fill our memory between two calls of due().
constexpr std::size_t most_answers = 64;

} // namespace

net::MacAddress detector_mac(const net::MacAddress& underlay_mac, UplinkIndex uplink) {
    net::MacAddress mac = underlay_mac;
    mac.octets[0] =
        static_cast<std::uint8_t>((mac.octets[0] | locally_administered) ^ marks[uplink]);
    return mac;
}

UplinkDetectors::UplinkDetectors(const UplinkDetectorSettings& settings,
                                 const BfdSession::Random& random, TimePoint now)
    : mac_(settings.mac), link_local_(net::link_local_address(settings.mac)) {
    if (settings.neighbours) neighbours_.emplace(*settings.neighbours);
    if (settings.bfd) bfd_.emplace(*settings.bfd, settings.bfd_settings, settings.mac, random, now);
}

net::DetectorStation UplinkDetectors::station() const {
    if (!neighbours_ && !bfd_) return {};
    net::DetectorStation station{mac_, {link_local_}};
    if (bfd_) station.addresses.push_back(bfd_->ends().local);
    return station;
}

void UplinkDetectors::set_targets(std::span<const net::IpAddress> addresses) {
    if (!neighbours_) return;
    neighbours_->set_targets(addresses);
    std::erase_if(neighbour_macs_, [&](const auto& known) {
        return std::ranges::find(addresses, known.first) == addresses.end();
    });
}

void UplinkDetectors::link(bool up, TimePoint now) {
    link_up_ = up;
    if (!up) neighbour_macs_.clear();
    if (neighbours_) neighbours_->link(up, now);
}

void UplinkDetectors::receive(std::span<const std::uint8_t> frame, TimePoint now) {
    if (const auto reply = net::parse_neighbour_reply(frame)) {
        if (reply->destination_mac != mac_) return;
        if (neighbours_ && neighbours_->reply(reply->address))
            neighbour_macs_[reply->address] = reply->mac;
        if (bfd_) bfd_->learn(reply->address, reply->mac);
    } else if (const auto request = net::parse_neighbour_request(frame)) {
        answer(*request);
    } else if (bfd_) {
        if (const auto control = net::parse_bfd_frame(frame))
            bfd_->receive(*control, now);
        else
            bfd_->discard(control.error());
    }
}

void UplinkDetectors::answer(const net::NeighbourRequest& request) {
    const auto& target = request.target;
    if (answers_.size() >= most_answers) return;
    if (target != link_local_ && (!bfd_ || target != bfd_->ends().local)) return;
    if (bfd_) bfd_->learn(request.sender, request.sender_mac);
    if (target.is_ipv4())
        answers_.push_back(net::arp_reply(mac_, target, request.sender, request.sender_mac));
    else if (request.sender.is_unspecified()) // RFC 4861 section 7.2.4
        answers_.push_back(net::unsolicited_advertisement(mac_, target));
    else
        answers_.push_back(
            net::solicited_advertisement(mac_, target, request.sender, request.sender_mac));
}

std::vector<net::IpAddress> UplinkDetectors::probe_targets(TimePoint now) {
    auto targets = neighbours_->due(now);
    // Who did not answer may have another MAC by now.
    for (const auto& target : neighbours_->targets())
        if (target.missed > 0) neighbour_macs_.erase(target.address);
    return targets;
}

std::vector<std::uint8_t> UplinkDetectors::probe(const net::IpAddress& target) const {
    const auto known = neighbour_macs_.find(target);
    const auto mac = known == neighbour_macs_.end() ? std::nullopt : std::optional(known->second);
    return target.is_ipv4() ? net::arp_request(mac_, {}, target, mac.value_or(net::broadcast_mac))
                            : net::neighbour_solicitation(mac_, link_local_, target, mac);
}

std::vector<std::vector<std::uint8_t>> UplinkDetectors::due(TimePoint now) {
    auto frames = std::exchange(answers_, {});
    if (neighbours_)
        for (const net::IpAddress& target : probe_targets(now))
            frames.push_back(probe(target));
    if (bfd_) std::ranges::move(bfd_->due(now), std::back_inserter(frames));
    if (!link_up_) frames.clear();
    return frames;
}

void UplinkDetectors::stop(TimePoint now) {
    neighbours_.reset();
    if (bfd_) bfd_->stop(now);
}

std::optional<TimePoint> UplinkDetectors::next_deadline() const {
    return sooner(neighbours_ ? neighbours_->next_deadline() : std::nullopt,
                  bfd_ ? bfd_->next_deadline() : std::nullopt);
}

bool UplinkDetectors::failed(Detector detector) const {
    switch (detector) {
    case Detector::probe:
        return neighbours_ && neighbours_->failed();
    case Detector::bfd:
        return bfd_ && bfd_->session().failed();
    }
    return false;
}

} // namespace sallyport::failover
