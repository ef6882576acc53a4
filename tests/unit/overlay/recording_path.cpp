// SPDX-License-Identifier: BSD-3-Clause
#include "recording_path.h"

#include <algorithm>
#include <sstream>
#include <variant>

namespace sallyport::overlay::test {

namespace {

struct KeyOf {
    std::string operator()(const TenantRow& row) const {
        return "tenant " + std::to_string(row.id);
    }
    std::string operator()(const VmPortRow& row) const {
        return "vm_port " + std::to_string(row.id);
    }
    std::string operator()(const VtepRow& row) const { return "vtep " + std::to_string(row.id); }
    std::string operator()(const NextHopRow& row) const {
        return "next_hop " + std::to_string(row.id);
    }
    std::string operator()(const FdbRow& row) const {
        return "fdb " + std::to_string(row.tenant) + " " + row.mac.to_string();
    }
    std::string operator()(const UplinkRow&) const { return "uplink"; }
};

struct Describe {
    std::ostream& out;
    void operator()(const TenantRow& row) const {
        out << row.name << ' ' << row.vni << ' ' << row.local_vtep.to_string() << ' '
            << row.udp_port << ' ' << row.mtu << ' ' << row.learning << row.flooding
            << row.pass_inner_vlan << row.is_protected;
        for (VtepId id : row.remote_vteps)
            out << " vtep " << id;
    }
    void operator()(const VmPortRow& row) const {
        out << row.tenant << ' ' << row.name;
        for (const net::MacAddress& allowed : row.allowed_macs)
            out << ' ' << allowed.to_string();
    }
    void operator()(const VtepRow& row) const {
        out << row.address.to_string();
        if (row.next_hop) out << " next_hop " << *row.next_hop;
    }
    void operator()(const NextHopRow& row) const {
        out << row.address.to_string();
        for (const auto& link : row.links)
            out << ' '
                << (link ? link->source.to_string() + '>' + link->destination.to_string() : "-");
    }
    void operator()(const FdbRow& row) const {
        if (const auto* port = std::get_if<VmPortRef>(&row.target))
            out << "vm_port " << port->id;
        else
            out << "vtep " << std::get<VtepRef>(row.target).id;
        out << (row.origin == FdbOrigin::configured ? " configured" : " learned");
    }
    void operator()(const UplinkRow& row) const {
        if (row.active) out << int{*row.active};
    }
};

struct CollectNeeds {
    std::vector<Row>& needs;
    void operator()(const TenantRow& row) const {
        for (VtepId id : row.remote_vteps)
            needs.emplace_back(VtepRow{id, {}, {}});
    }
    void operator()(const VmPortRow& row) const {
        TenantRow tenant;
        tenant.id = row.tenant;
        needs.emplace_back(tenant);
    }
    void operator()(const VtepRow& row) const {
        if (row.next_hop) needs.emplace_back(NextHopRow{*row.next_hop, {}, {}});
    }
    void operator()(const NextHopRow&) const {}
    void operator()(const FdbRow& row) const {
        TenantRow tenant;
        tenant.id = row.tenant;
        needs.emplace_back(tenant);
        if (const auto* port = std::get_if<VmPortRef>(&row.target))
            needs.emplace_back(VmPortRow{port->id, 0, {}, {}});
        else
            needs.emplace_back(VtepRow{std::get<VtepRef>(row.target).id, {}, {}});
    }
    void operator()(const UplinkRow&) const {}
};

/// The rows that a row refers to, by key.
std::vector<Row> needs_of(const Row& row) {
    std::vector<Row> needs;
    std::visit(CollectNeeds{needs}, row);
    return needs;
}

} // namespace

std::string key_of(const Row& row) {
    return std::visit(KeyOf{}, row);
}

std::string text_of(const Row& row) {
    std::ostringstream out;
    std::visit(Describe{out}, row);
    return out.str();
}

Expected<void> RecordingPath::apply(std::span<const RowChange> changes, std::size_t* applied) {
    std::size_t done = 0;
    for (const RowChange& change : changes) {
        if (applied != nullptr) *applied = done;
        const std::string key = key_of(change.row);
        if (refuse_after_ == 0U || key == refused_key_) {
            refuse_after_.reset();
            return failure("refused " + key, "recording path");
        }
        if (refuse_after_) --*refuse_after_;
        const bool put = change.kind == RowChange::Kind::put;
        log.push_back((put ? "put " : "remove ") + key);
        if (put) {
            check_put(change.row);
            rows_.insert_or_assign(key, change.row);
        } else {
            check_remove(change.row);
            rows_.erase(key);
        }
        ++done;
    }
    if (applied != nullptr) *applied = done;
    return {};
}

void RecordingPath::check_put(const Row& row) {
    for (const Row& needed : needs_of(row))
        if (!rows_.contains(key_of(needed)))
            violations.push_back("put " + key_of(row) + " without " + key_of(needed));
}

void RecordingPath::check_remove(const Row& row) {
    const std::string key = key_of(row);
    if (!rows_.contains(key)) violations.push_back("remove unknown " + key);
    // A station's row is no one's need, and looking through all rows for each would take for ever.
    if (std::holds_alternative<FdbRow>(row)) return;
    for (const auto& [user, user_row] : rows_)
        for (const Row& needed : needs_of(user_row))
            if (key_of(needed) == key) violations.push_back("remove " + key + " before " + user);
}

std::optional<std::chrono::seconds> RecordingPath::idle_time(TenantId tenant,
                                                             const net::MacAddress& mac) {
    ++idle_questions;
    const auto found = idle.find({tenant, mac});
    return found == idle.end() ? std::nullopt : std::optional(found->second);
}

void RecordingPath::take_learned(std::vector<LearnEvent>& events, std::size_t most) {
    while (most-- > 0 && !learned.empty()) {
        events.push_back(learned.front());
        learned.pop_front();
    }
}

std::map<std::string, std::string> RecordingPath::rows() const {
    std::map<std::string, std::string> all{{"uplink", ""}};
    for (const auto& [key, row] : rows_)
        all.insert_or_assign(key, text_of(row));
    return all;
}

std::map<std::string, std::string> rows_of(const ForwardingState& state) {
    std::map<std::string, std::string> all;
    for (const Row& row : state.rows())
        all.emplace(key_of(row), text_of(row));
    return all;
}

net::IpAddress address(const char* text) {
    return net::IpAddress::parse(text).value();
}

net::MacAddress mac(std::uint64_t value) {
    return net::MacAddress::from_u64(0x020000000000U + value);
}

NextHopLinks links(std::uint64_t destination) {
    return {NextHopLink{mac(0xe0), mac(destination)}, NextHopLink{mac(0xe0), mac(destination)}};
}

TenantSpec blue() {
    TenantSpec spec;
    spec.name = "blue";
    spec.vni = 100;
    spec.local_vtep = address("192.0.2.1");
    // Not ascending, to see that rows are.
    spec.remote_vteps = {address("192.0.2.3"), address("192.0.2.2")};
    spec.vm_ports = {{"blue1", {mac(1)}}, {"blue2", {mac(3), mac(2)}}};
    spec.fdb = {{mac(0x10), address("192.0.2.2")}, {mac(0x11), std::string("blue2")}};
    return spec;
}

TenantSpec red() {
    TenantSpec spec;
    spec.name = "red";
    spec.vni = 200;
    spec.local_vtep = address("2001:db8::1");
    spec.learning = false;
    spec.remote_vteps = {address("2001:db8::2"), address("192.0.2.2")};
    spec.vm_ports = {{"red1", {mac(1), mac(2)}}, {"red2", {}}};
    spec.fdb = {{mac(0x10), address("2001:db8::2")}, {mac(2), address("2001:db8::2")}};
    return spec;
}

} // namespace sallyport::overlay::test
