// SPDX-License-Identifier: BSD-3-Clause
// Any octets as a packet by an uplink or a vm port, through a model E-Switch whose rules have every
// item and every action that it knows.
#include "eswitch/model/model_flow_api.h"
#include "eswitch/modify_field.h"
#include "target.h"

#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include <rte_byteorder.h>

using namespace sallyport;
using eswitch::ModelVerdict;
using eswitch::Origin;

namespace {

constexpr std::uint16_t uplink = 0, other_uplink = 1, vm = 2;
constexpr std::uint32_t mark = 0x5a;

/// Items with one value each, that of spec and mask: what is masked must be all ones.
class Pattern {
  public:
    template<class T>
    Pattern& add(rte_flow_item_type type, const T& value) {
        return add(type, value, value);
    }
    template<class T>
    Pattern& add(rte_flow_item_type type, const T& spec, const T& mask) {
        items_.push_back({.type = type, .spec = keep(spec), .last = nullptr, .mask = keep(mask)});
        return *this;
    }
    Pattern& add(rte_flow_item_type type) {
        items_.push_back({.type = type, .spec = nullptr, .last = nullptr, .mask = nullptr});
        return *this;
    }
    const rte_flow_item* items() {
        add(RTE_FLOW_ITEM_TYPE_END);
        return items_.data();
    }

  private:
    template<class T>
    const void* keep(const T& value) {
        kept_.push_back(std::make_shared<T>(value));
        return kept_.back().get();
    }

    std::vector<rte_flow_item> items_;
    std::vector<std::shared_ptr<void>> kept_;
};

/// Actions that their templates fix.
class Actions {
  public:
    template<class T>
    Actions& add(rte_flow_action_type type, const T& action, const T& mask) {
        kept_.push_back(std::make_shared<T>(action));
        actions_.push_back({.type = type, .conf = kept_.back().get()});
        kept_.push_back(std::make_shared<T>(mask));
        masks_.push_back({.type = type, .conf = kept_.back().get()});
        return *this;
    }
    Actions& add(rte_flow_action_type type) {
        actions_.push_back({.type = type, .conf = nullptr});
        masks_.push_back(actions_.back());
        return *this;
    }
    Actions& set(const eswitch::FieldChange& change) {
        return add(RTE_FLOW_ACTION_TYPE_MODIFY_FIELD, eswitch::make_set(change),
                   eswitch::make_set_mask(change.field));
    }
    Actions& set_tag() { return set({.field = RTE_FLOW_FIELD_TAG, .width = 8, .value = {mark}}); }
    Actions& set_mac(rte_flow_field_id field) {
        return set({.field = field, .offset = 4, .width = 40, .value = {1, 2, 3, 4, 5, 6}});
    }
    Actions& encapsulate(std::vector<std::uint8_t>& header) {
        const rte_flow_action_raw_encap encap{
            .data = header.data(), .preserve = nullptr, .size = header.size()};
        return add(RTE_FLOW_ACTION_TYPE_RAW_ENCAP, encap, encap);
    }
    Actions& jump(std::uint32_t group) {
        return add<rte_flow_action_jump>(RTE_FLOW_ACTION_TYPE_JUMP, {group}, {group});
    }
    Actions& meter(rte_flow_meter_profile* profile) {
        rte_flow_action_meter_mark meter{}, mask{};
        meter.profile = profile;
        std::memset(&mask.profile, 0xff, sizeof mask.profile);
        return add(RTE_FLOW_ACTION_TYPE_METER_MARK, meter, mask);
    }
    Actions& to(rte_flow_action_type type, std::uint16_t port) {
        return add<rte_flow_action_ethdev>(type, {port}, {port});
    }
    const rte_flow_action* actions() {
        if (actions_.back().type != RTE_FLOW_ACTION_TYPE_END) add(RTE_FLOW_ACTION_TYPE_END);
        return actions_.data();
    }
    const rte_flow_action* masks() {
        actions();
        return masks_.data();
    }

  private:
    std::vector<rte_flow_action> actions_;
    std::vector<rte_flow_action> masks_;
    std::vector<std::shared_ptr<void>> kept_;
};

/// Ethernet, IP, UDP and VXLAN, as far as a NIC wants them given.
std::vector<std::uint8_t> tunnel_header(bool ipv4) {
    std::vector<std::uint8_t> header(ipv4 ? 50 : 70);
    header[12] = ipv4 ? 0x08 : 0x86;
    header[13] = ipv4 ? 0x00 : 0xdd;
    header[14] = ipv4 ? 0x45 : 0x60;
    header[ipv4 ? 23 : 20] = IPPROTO_UDP;
    const std::size_t udp = header.size() - 16;
    header[udp + 2] = 4789 >> 8;
    header[udp + 3] = 4789 & 0xff;
    header[udp + 8] = 0x08;
    return header;
}

class Program {
  public:
    Program() {
        using Kind = eswitch::ModelFlowApi::PortKind;
        model_.add_port(uplink, Kind::wire);
        model_.add_port(other_uplink, Kind::wire);
        model_.add_port(vm, Kind::vport);
        fuzz::require(model_.configure(uplink, {}, 1, 64, error_) == 0, "configured");
        dispatch();
        from_wire();
        from_vm();
        deliver();
        send();
    }
    ModelVerdict run(std::uint16_t port, std::span<const std::uint8_t> packet) {
        return model_.run(port, packet);
    }

  private:
    void rule(std::uint32_t group, std::uint32_t priority, Origin origin, Pattern pattern,
              Actions actions) {
        const rte_flow_item* const items = pattern.items();
        const std::array patterns{model_.create_pattern_template(uplink, items, error_)};
        const std::array templates{
            model_.create_actions_template(uplink, actions.actions(), actions.masks(), error_)};
        fuzz::require(patterns[0] != nullptr && templates[0] != nullptr, "templates");
        rte_flow_template_table* const table = model_.create_table(
            uplink, {.group = group, .priority = priority, .rules = 1, .origin = origin}, patterns,
            templates, error_);
        fuzz::require(table != nullptr, "a table");
        fuzz::require(
            model_.create(uplink, 0, false, table, items, 0, actions.actions(), 0, nullptr, error_)
                != nullptr,
            "a rule");
    }

    /// Packets of more than 1000 octets are red.
    rte_flow_meter_profile* meter_profile() {
        rte_mtr_meter_profile profile{};
        profile.alg = RTE_MTR_SRTCM_RFC2697;
        profile.srtcm_rfc2697.cir = 1'000'000;
        profile.srtcm_rfc2697.cbs = 1000;
        rte_flow_meter_profile* const made = model_.add_meter_profile(uplink, 1, profile, error_);
        fuzz::require(made != nullptr, "a meter profile");
        return made;
    }

    void dispatch() {
        for (const std::uint16_t port : {uplink, other_uplink, vm}) {
            rule(0, port, Origin::any,
                 Pattern().add<rte_flow_item_ethdev>(RTE_FLOW_ITEM_TYPE_REPRESENTED_PORT, {port},
                                                     {UINT16_MAX}),
                 Actions().jump(port == vm ? 2 : 1));
        }
    }

    void from_wire() {
        rte_flow_item_ipv4 ipv4{};
        ipv4.hdr.version_ihl = 5;
        ipv4.hdr.next_proto_id = IPPROTO_UDP;
        rte_flow_item_ipv4 ipv4_mask{};
        ipv4_mask.hdr.version_ihl = 0x0f;
        ipv4_mask.hdr.next_proto_id = 0xff;
        ipv4_mask.hdr.fragment_offset = rte_cpu_to_be_16(0x3fff);
        rte_flow_item_integrity outer{}, inner{};
        outer.l3_ok = outer.ipv4_csum_ok = outer.l4_ok = 1;
        inner.level = 2;
        inner.l3_ok = inner.l4_csum_ok = 1;
        rte_flow_item_vxlan vxlan{};
        vxlan.flags = 0x08;
        rule(1, 0, Origin::wire,
             Pattern()
                 .add(RTE_FLOW_ITEM_TYPE_INTEGRITY, outer)
                 .add(RTE_FLOW_ITEM_TYPE_ETH)
                 .add(RTE_FLOW_ITEM_TYPE_IPV4, ipv4, ipv4_mask)
                 .add(RTE_FLOW_ITEM_TYPE_UDP)
                 .add(RTE_FLOW_ITEM_TYPE_VXLAN, vxlan)
                 .add(RTE_FLOW_ITEM_TYPE_ETH)
                 .add(RTE_FLOW_ITEM_TYPE_IPV4)
                 .add(RTE_FLOW_ITEM_TYPE_UDP)
                 .add(RTE_FLOW_ITEM_TYPE_INTEGRITY, inner),
             Actions()
                 .add(RTE_FLOW_ACTION_TYPE_VXLAN_DECAP)
                 .add(RTE_FLOW_ACTION_TYPE_COUNT)
                 .set_tag()
                 .jump(3));
        rte_flow_item_udp udp{};
        udp.hdr.dst_port = rte_cpu_to_be_16(4789);
        rule(1, 1, Origin::wire,
             Pattern()
                 .add(RTE_FLOW_ITEM_TYPE_ETH)
                 .add(RTE_FLOW_ITEM_TYPE_UDP, udp, udp)
                 .add(RTE_FLOW_ITEM_TYPE_VXLAN),
             Actions().add(RTE_FLOW_ACTION_TYPE_VXLAN_DECAP).meter(meter_profile()).jump(3));
    }

    void from_vm() {
        static std::vector<std::uint8_t> ipv4 = tunnel_header(true), ipv6 = tunnel_header(false);
        rte_flow_item_eth untagged{}, has_vlan{};
        has_vlan.has_vlan = 1;
        rule(2, 0, Origin::vport, Pattern().add(RTE_FLOW_ITEM_TYPE_ETH, untagged, has_vlan),
             Actions().add(RTE_FLOW_ACTION_TYPE_COUNT).encapsulate(ipv6).jump(4));
        rte_flow_item_vlan vlan{};
        vlan.hdr.vlan_tci = rte_cpu_to_be_16(0x0fff);
        rte_flow_item_vlan any_vlan = vlan;
        any_vlan.hdr.vlan_tci = rte_cpu_to_be_16(0x0007);
        rule(2, 1, Origin::vport,
             Pattern().add(RTE_FLOW_ITEM_TYPE_ETH).add(RTE_FLOW_ITEM_TYPE_VLAN, any_vlan),
             Actions().encapsulate(ipv4).jump(4));
    }

    void deliver() {
        rte_flow_item_ipv6 fragment{};
        fragment.has_frag_ext = 1;
        rule(3, 0, Origin::any,
             Pattern()
                 .add<rte_flow_item_tag>(RTE_FLOW_ITEM_TYPE_TAG, {mark, 0}, {0xff, 0xff})
                 .add(RTE_FLOW_ITEM_TYPE_ETH)
                 .add(RTE_FLOW_ITEM_TYPE_IPV4),
             Actions()
                 .set_mac(RTE_FLOW_FIELD_MAC_DST)
                 .set_mac(RTE_FLOW_FIELD_MAC_SRC)
                 .to(RTE_FLOW_ACTION_TYPE_REPRESENTED_PORT, vm));
        rule(3, 1, Origin::any,
             Pattern()
                 .add(RTE_FLOW_ITEM_TYPE_ETH)
                 .add(RTE_FLOW_ITEM_TYPE_IPV6, fragment)
                 .add<rte_flow_item_meter_color>(RTE_FLOW_ITEM_TYPE_METER_COLOR, {RTE_COLOR_GREEN}),
             Actions().to(RTE_FLOW_ACTION_TYPE_PORT_REPRESENTOR, UINT16_MAX));
        rte_flow_item_tcp tcp{};
        tcp.hdr.tcp_flags = 0x02;
        rule(3, 2, Origin::any,
             Pattern()
                 .add(RTE_FLOW_ITEM_TYPE_VOID)
                 .add(RTE_FLOW_ITEM_TYPE_ETH)
                 .add(RTE_FLOW_ITEM_TYPE_TCP, tcp),
             Actions().jump(5));
        // Round and round.
        rule(5, 0, Origin::any, Pattern().add(RTE_FLOW_ITEM_TYPE_ETH), Actions().jump(5));
    }

    void send() {
        rule(4, 0, Origin::any,
             Pattern()
                 .add(RTE_FLOW_ITEM_TYPE_ETH)
                 .add(RTE_FLOW_ITEM_TYPE_IPV6)
                 .add(RTE_FLOW_ITEM_TYPE_UDP)
                 .add(RTE_FLOW_ITEM_TYPE_VXLAN)
                 .add(RTE_FLOW_ITEM_TYPE_ETH)
                 .add(RTE_FLOW_ITEM_TYPE_IPV6)
                 .add(RTE_FLOW_ITEM_TYPE_TCP),
             Actions().add(RTE_FLOW_ACTION_TYPE_DROP));
        rule(4, 1, Origin::any, Pattern().add(RTE_FLOW_ITEM_TYPE_ETH),
             Actions().to(RTE_FLOW_ACTION_TYPE_REPRESENTED_PORT, other_uplink));
    }

    rte_flow_error error_{};
    // Sees as far as it can: the most code.
    eswitch::ModelFlowApi model_{{.sees_behind_extensions = true}};
};

void check_sent(const ModelVerdict& verdict, std::span<const std::uint8_t> input) {
    fuzz::require(verdict.packet.size() > input.size(), "what leaves has a header in front");
    const std::size_t header = verdict.packet.size() - input.size();
    fuzz::require(header == 50 || header == 70, "one of the two headers");
    fuzz::require(std::equal(input.begin(), input.end(),
                             verdict.packet.begin() + static_cast<std::ptrdiff_t>(header)),
                  "what is inside is as it was");
    const std::size_t length =
        static_cast<std::size_t>(verdict.packet[header - 12] << 8) + verdict.packet[header - 11];
    if (verdict.packet.size() < 65536)
        fuzz::require(length == input.size() + 16, "the UDP length is right");
}

} // namespace

// The first octet chooses the port.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { // NOLINT
    static Program program;
    if (size < 1) return 0;
    const auto port = static_cast<std::uint16_t>(data[0] % 3);
    const std::span<const std::uint8_t> input(data + 1, size - 1);
    const ModelVerdict verdict = program.run(port, input);
    fuzz::require(!verdict.steps.empty() && verdict.steps.size() <= 64, "it comes to an end");
    if (port == vm && verdict.fate == ModelVerdict::Fate::port) check_sent(verdict, input);
    if (port != vm)
        fuzz::require(verdict.packet.size() <= input.size(), "nothing is added from the wire");
    const ModelVerdict again = program.run(port, input);
    fuzz::require(again.fate == verdict.fate && again.packet == verdict.packet
                      && again.steps.size() == verdict.steps.size(),
                  "every time the same");
    return 0;
}
