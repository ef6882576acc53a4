// SPDX-License-Identifier: BSD-3-Clause
#include "control/sa_report.h"

namespace sallyport::control {

SaTotals& SaTotals::operator+=(const SaTotals& more) {
    packets += more.packets;
    octets += more.octets;
    for (std::size_t i = 0; i < faults.size(); ++i)
        faults[i] += more.faults[i];
    return *this;
}

SaTotals totals_of(const ipsec::SaCounters& counters) {
    SaTotals totals{counters.packets.read(), counters.octets.read(), {}};
    for (std::size_t i = 0; i < totals.faults.size(); ++i)
        totals.faults[i] = counters.faults[i].read();
    return totals;
}

} // namespace sallyport::control
