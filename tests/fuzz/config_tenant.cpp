// SPDX-License-Identifier: BSD-3-Clause
// Any text as a tenant file beside a running tenant: settings that survive being written and read
// again, or complaints that can be printed.
#include "config/parse.h"
#include "target.h"

#include <array>
#include <string_view>

using namespace sallyport;

namespace {

config::Settings running() {
    const config::FileText main{
        "main.conf", "[underlay]\nmtu = 9216\n[uplink.p0]\ndevice = net_af_packet0,iface=up0\n"
                     "[uplink.p1]\ndevice = 0000:03:00.1\n"};
    const std::array<config::FileText, 1> tenants{
        {{"red.conf", "name = red\nvni = 200\nlocal_vtep = 192.0.2.1\nremote_vtep = 192.0.2.2\n"
                      "[vm_port.red1]\ndevice = net_tap0,iface=red1\nmac = any\n"}}};
    auto settings = config::parse(main, tenants);
    fuzz::require(settings.has_value(), "the running settings are good");
    return *settings;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { // NOLINT
    static const config::Settings beside = running();
    const std::string text(reinterpret_cast<const char*>(data), size);
    const auto tenant = config::parse_tenant({"blue.conf", text}, beside);
    if (!tenant) {
        fuzz::require(!tenant.error().empty(), "a refusal has a reason");
        for (const config::Complaint& complaint : tenant.error())
            fuzz::require(!complaint.wrong.empty() && !complaint.right.empty(),
                          "complete complaint: " + complaint.message());
        return 0;
    }
    fuzz::require(tenant->vni != 0 && tenant->vni != 200 && tenant->name != "red",
                  "no clash with the running tenant");
    const auto again =
        config::parse_tenant({"blue.conf", config::tenant_config_text(*tenant)}, beside);
    fuzz::require(again.has_value(),
                  "the tenant loads again: "
                      + (again ? std::string() : again.error().front().message()));
    fuzz::require(*again == *tenant, "the tenant stays the same");
    return 0;
}
