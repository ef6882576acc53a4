// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/bring_up/port_names.h"

#include "net/take_number.h"

namespace sallyport::eswitch {

namespace {

// The card's index of a PF is an octet in the representor's id.
constexpr unsigned largest_pf = 255;

using Kind = NamedPort::Kind;

NamedPort interpret_uplink(std::string_view rest) {
    const auto pf = net::take_number(rest, largest_pf);
    if (!pf || !rest.empty()) return {Kind::unknown};
    return {Kind::function, net::CardFunction{*pf}};
}

NamedPort interpret_representor(std::string_view rest) {
    if (net::take_prefix(rest, "vf")) {
        const auto vf = net::take_number(rest, net::largest_vf);
        return {vf && rest.empty() ? Kind::single_uplink : Kind::unknown};
    }
    // Controllers other than this host have numbers above 0.
    if (!net::take_prefix(rest, "c0pf")) return {Kind::unknown};
    const auto pf = net::take_number(rest, largest_pf);
    if (!pf || !net::take_prefix(rest, "vf")) return {Kind::unknown};
    const auto vf = net::take_number(rest, net::largest_vf);
    if (!vf || !rest.empty()) return {Kind::unknown};
    return {Kind::function, net::CardFunction{*pf, *vf}};
}

} // namespace

NamedPort interpret_port_name(std::string_view name, const net::PciAddress& pci) {
    std::string_view rest = name;
    if (!net::take_prefix(rest, to_string(pci))) return {Kind::elsewhere};
    if (rest.empty()) return {Kind::single_uplink};
    if (net::take_prefix(rest, "_p")) return interpret_uplink(rest);
    if (net::take_prefix(rest, "_representor_")) return interpret_representor(rest);
    return {Kind::unknown};
}

std::string printable(std::string_view text) {
    constexpr std::size_t longest = 64;
    std::string out;
    for (const char c : text.substr(0, longest))
        out += c >= ' ' && c <= '~' ? c : '?';
    return text.size() > longest ? out + "..." : out;
}

} // namespace sallyport::eswitch
