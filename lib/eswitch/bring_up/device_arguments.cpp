// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/bring_up/device_arguments.h"

#include <iterator>

#include <fmt/format.h>

namespace sallyport::eswitch {

namespace {

std::string ranges(const std::set<unsigned>& numbers) {
    std::string text;
    for (auto first = numbers.begin(); first != numbers.end();) {
        auto last = first;
        while (std::next(last) != numbers.end() && *std::next(last) == *last + 1)
            ++last;
        if (!text.empty()) text += ',';
        text += first == last ? fmt::format("{}", *first) : fmt::format("{}-{}", *first, *last);
        first = std::next(last);
    }
    return text;
}

} // namespace

std::string device_arguments(const net::PciAddress& pci,
                             const std::set<net::CardFunction>& functions, PfOrder order) {
    std::set<unsigned> vfs;
    for (const net::CardFunction& function : functions)
        if (function.vf) vfs.insert(*function.vf);
    std::string text = fmt::format("{},dv_flow_en=2,dv_xmeta_en=0,representor=pf[{}]",
                                   to_string(pci), order == PfOrder::ascending ? "0,1" : "1,0");
    if (!vfs.empty()) text += fmt::format("vf[{}]", ranges(vfs));
    return text;
}

} // namespace sallyport::eswitch
