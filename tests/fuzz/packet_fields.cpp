// SPDX-License-Identifier: BSD-3-Clause
// Any text as the fields of a packet that the shell is to explain: a whole packet, or a complaint.
#include "commands/packet_fields.h"

#include "net/frame.h"
#include "net/outer.h"
#include "target.h"

#include <string_view>

using namespace sallyport;

namespace {

const net::MacAddress source = net::MacAddress::from_u64(0x020000000001);
const net::MacAddress destination = net::MacAddress::from_u64(0x020000000002);

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { // NOLINT
    const auto fields = commands::parse_packet_fields({reinterpret_cast<const char*>(data), size});
    if (!fields) return 0;
    const auto frame = commands::make_frame(source, destination, *fields);
    if (!frame) return 0;
    const net::Frame parsed = net::parse_frame(frame->data(), frame->size(), frame->size());
    fuzz::require(parsed.fault == net::FrameFault::none, "the frame is whole");
    fuzz::require(parsed.tagged == fields->vlan.has_value(), "it is tagged as was said");
    fuzz::require(!fields->length || parsed.l3_length == *fields->length, "it is as long");
    if (!fields->vni) return 0;
    const commands::VxlanEnd end{destination, *fields->vtep, 4789};
    const auto packet = commands::encapsulate(*fields, end, *frame);
    if (!packet) return 0;
    const net::Outer outer = net::parse_outer(packet->data(), packet->size(), packet->size());
    fuzz::require(outer.kind == net::OuterKind::udp && outer.end == packet->size()
                      && outer.vni_valid && outer.vni == *fields->vni,
                  "it is in VXLAN");
    return 0;
}
