// SPDX-License-Identifier: BSD-3-Clause
// What the hardware path itself costs, with a NIC that answers at once: rows a second, memory a
// row, one change among many rows, and failover.
#include "eswitch/hardware_path.h"
#include "prompt_flow_api.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include <malloc.h>

namespace sallyport::testing {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t vteps = 64;
constexpr std::uint32_t next_hops = 8;
constexpr std::size_t rows_in_a_change = 1024;
constexpr unsigned single_changes = 1001;

net::MacAddress mac(std::uint64_t n) {
    return net::MacAddress::from_u64(0x020000000000 + n);
}
net::IpAddress address(std::uint32_t n) {
    return *net::IpAddress::parse("192.0.2." + std::to_string(n));
}

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}
std::size_t allocated() {
    const auto info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

class Bench {
  public:
    explicit Bench(std::uint32_t rows) : rows_(rows) {
        eswitch::Settings settings;
        settings.fdb_entries = rows + 1;
        auto pipeline = eswitch::Pipeline::create(nic_, 0, settings);
        path_.emplace(nic_, std::move(*pipeline), settings,
                      eswitch::FlowQueue::Options{.size = 4096});
        for (const overlay::UplinkIndex index : overlay::all_uplinks)
            (void)path_->attach_uplink(index, index);
        (void)path_->set_underlay_mac(mac(1));
        for (overlay::NextHopId id = 0; id < next_hops; ++id)
            put({overlay::NextHopRow{id,
                                     address(200 + id),
                                     {overlay::NextHopLink{mac(1), mac(2)}, {{mac(1), mac(3)}}}}});
        put({overlay::UplinkRow{0}});
        overlay::TenantRow tenant;
        tenant.vni = 100;
        tenant.local_vtep = address(1);
        for (overlay::VtepId id = 0; id < vteps; ++id) {
            put({overlay::VtepRow{id, address(2 + id), id % next_hops}});
            tenant.remote_vteps.push_back(id);
        }
        put({tenant});
    }

    /// @return rows a second
    double install() {
        std::vector<std::vector<overlay::Row>> changes;
        for (std::uint32_t n = 0; n < rows_; ++n) {
            if (n % rows_in_a_change == 0) changes.emplace_back();
            changes.back().push_back(row(n, n % vteps));
        }
        const auto prepared = prepare(changes);
        const auto start = Clock::now();
        for (const auto& change : prepared)
            (void)path_->apply(change, nullptr);
        return rows_ / seconds_since(start);
    }

    /// @return microseconds of one row that moves to another vtep; the median
    double change_one() {
        std::vector<double> times;
        for (unsigned n = 0; n < single_changes; ++n) {
            const std::uint32_t station = static_cast<std::uint32_t>(n * 7919ULL % rows_);
            const std::vector<overlay::RowChange> change{
                {overlay::RowChange::Kind::put, row(station, (station + n + 1) % vteps)}};
            const auto start = Clock::now();
            (void)path_->apply(change, nullptr);
            times.push_back(seconds_since(start) * 1e6);
        }
        std::nth_element(times.begin(), times.begin() + single_changes / 2, times.end());
        return times[single_changes / 2];
    }

    struct Failover {
        double microseconds;
        std::uint64_t operations;
    };
    Failover fail_over() {
        const auto operations = [this] {
            const auto& counts = path_->rule_counts();
            return counts.created + counts.updated + counts.destroyed;
        };
        const std::uint64_t before = operations();
        const auto start = Clock::now();
        put({overlay::UplinkRow{1}});
        return {seconds_since(start) * 1e6, operations() - before};
    }

    [[nodiscard]] std::size_t in_hardware() const { return path_->entries_in_hardware(); }

  private:
    static overlay::Row row(std::uint32_t station, overlay::VtepId vtep) {
        return overlay::FdbRow{0, mac(1000ULL + station), overlay::VtepRef{vtep}, {}};
    }
    static std::vector<std::vector<overlay::RowChange>>
    prepare(const std::vector<std::vector<overlay::Row>>& changes) {
        std::vector<std::vector<overlay::RowChange>> prepared;
        for (const auto& rows : changes) {
            prepared.emplace_back();
            for (const overlay::Row& row : rows)
                prepared.back().push_back({overlay::RowChange::Kind::put, row});
        }
        return prepared;
    }
    void put(const std::vector<overlay::Row>& rows) {
        for (const auto& change : prepare({rows}))
            (void)path_->apply(change, nullptr);
    }

    std::uint32_t rows_;
    PromptFlowApi nic_;
    std::optional<eswitch::HardwarePath> path_;
};

void run(std::uint32_t rows) {
    Bench bench(rows);
    const std::size_t before = allocated();
    const double rate = bench.install();
    const double octets = static_cast<double>(allocated() - before) / rows;
    const double change = bench.change_one();
    const Bench::Failover failover = bench.fail_over();
    if (bench.in_hardware() != rows) std::printf("NOT ALL ROWS ARE IN HARDWARE\n");
    std::printf("| %9u | %10.0f | %6.0f | %8.2f | %9lu | %8.2f |\n", rows, rate, octets, change,
                failover.operations, failover.microseconds);
}

} // namespace
} // namespace sallyport::testing

int main() {
    std::printf("| rows | rows/s | octets a row | us for one change | operations at failover "
                "| us at failover |\n|---|---|---|---|---|---|\n");
    for (const std::uint32_t rows : {10U, 10'000U, 100'000U, 1'000'000U})
        sallyport::testing::run(rows);
}
