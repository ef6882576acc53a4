// SPDX-License-Identifier: BSD-3-Clause
#include "recording_path.h"

#include <chrono>
#include <cstdio>
#include <ctime>
#include <set>

#include <gtest/gtest.h>

namespace sallyport::overlay::test {
namespace {

using namespace std::chrono_literals;

class Fdb : public testing::Test {
  protected:
    RecordingPath path;
    ForwardingState state{Limits{.fdb_entries = 6}, {&path}};

    void SetUp() override {
        ASSERT_TRUE(state.add_tenant(blue()));
        path.log.clear();
    }
    std::string error_of(const Expected<void>& result) {
        return result ? "" : result.error().message();
    }
    void learn(std::uint64_t station, FdbTarget target) {
        const FdbRow row{0, mac(station), target, FdbOrigin::learned};
        ASSERT_TRUE(state.put_learned({&row, 1}, {}));
    }
};

TEST_F(Fdb, AddedEntriesAreConfigured) {
    const std::vector<FdbSpec> entries{{mac(0x20), std::string("blue1")},
                                       {mac(0x21), address("192.0.2.3")}};
    ASSERT_TRUE(state.add_fdb("blue", entries));
    EXPECT_EQ(state.find_fdb(0, mac(0x20)),
              (FdbRow{0, mac(0x20), VmPortRef{0}, FdbOrigin::configured}));
    EXPECT_EQ(state.find_fdb(0, mac(0x21)),
              (FdbRow{0, mac(0x21), VtepRef{0}, FdbOrigin::configured}));
    EXPECT_EQ(state.find_tenant("blue")->configured, 4U);
    EXPECT_EQ(path.rows(), rows_of(state));
}

TEST_F(Fdb, SameEntryAgainCostsNoChange) {
    const FdbSpec entry{mac(0x10), address("192.0.2.2")};
    ASSERT_TRUE(state.add_fdb("blue", {&entry, 1}));
    EXPECT_TRUE(path.log.empty());
}

TEST_F(Fdb, ConfiguredReplacesConfigured) {
    const FdbSpec entry{mac(0x10), std::string("blue1")};
    ASSERT_TRUE(state.add_fdb("blue", {&entry, 1}));
    EXPECT_EQ(state.find_fdb(0, mac(0x10))->target, FdbTarget(VmPortRef{0}));
    EXPECT_EQ(state.find_tenant("blue")->configured, 2U);
}

TEST_F(Fdb, ConfiguredReplacesLearned) {
    learn(0x30, VtepRef{0});
    learn(0x31, VtepRef{0});
    ASSERT_EQ(state.find_tenant("blue")->learned, 2U);
    const FdbSpec entry{mac(0x30), address("192.0.2.3")};
    ASSERT_TRUE(state.add_fdb("blue", {&entry, 1}));
    EXPECT_EQ(state.find_fdb(0, mac(0x30))->origin, FdbOrigin::configured);
    EXPECT_EQ(state.find_tenant("blue")->learned, 1U);
    EXPECT_EQ(state.find_tenant("blue")->configured, 3U);
    ASSERT_EQ(state.learned_size(), 1U);
    EXPECT_EQ(state.learned_at(0).mac, mac(0x31));
    EXPECT_EQ(path.rows(), rows_of(state));
}

TEST_F(Fdb, RemovalTakesConfiguredAndLearned) {
    learn(0x30, VtepRef{0});
    ASSERT_TRUE(state.remove_fdb("blue", mac(0x30)));
    ASSERT_TRUE(state.remove_fdb("blue", mac(0x10)));
    EXPECT_EQ(state.find_tenant("blue")->learned, 0U);
    EXPECT_EQ(state.find_tenant("blue")->configured, 1U);
    EXPECT_EQ(state.learned_size(), 0U);
    EXPECT_EQ(path.rows(), rows_of(state));
}

TEST_F(Fdb, BatchRemovalIsAllOrNothing) {
    const std::vector<net::MacAddress> macs{mac(0x10), mac(0x11), mac(0x99)};
    EXPECT_EQ(error_of(state.remove_fdb(TenantId{0}, macs)),
              "tenant blue: there is no fdb entry of 02:00:00:00:00:99");
    EXPECT_EQ(state.fdb_size(), 2U);
    const std::vector<net::MacAddress> repeated{mac(0x10), mac(0x10)};
    ASSERT_TRUE(state.remove_fdb(TenantId{0}, repeated));
    EXPECT_EQ(path.log, std::vector<std::string>{"remove fdb 0 02:00:00:00:00:10"});
}

TEST_F(Fdb, WrongEntriesReachNoPath) {
    const auto refused = [&](const std::string& tenant, std::vector<FdbSpec> entries) {
        return error_of(state.add_fdb(tenant, entries));
    };
    const FdbSpec good{mac(0x40), std::string("blue1")};
    EXPECT_EQ(refused("red", {good}), "tenant red: there is no such tenant");
    EXPECT_NE(refused("blue", {good, {mac(0x41), std::string("red1")}}).find("no vm port red1"),
              std::string::npos);
    EXPECT_NE(refused("blue", {good, {mac(0x41), address("192.0.2.9")}}).find("no remote vtep"),
              std::string::npos);
    EXPECT_NE(refused("blue", {good, good}).find("given twice"), std::string::npos);
    EXPECT_NE(refused("blue", {good, {net::MacAddress{}, std::string("blue1")}}).find("no station"),
              std::string::npos);
    EXPECT_EQ(error_of(state.remove_fdb("red", mac(1))), "tenant red: there is no such tenant");
    EXPECT_FALSE(state.remove_fdb("blue", mac(1)));
    EXPECT_TRUE(path.log.empty());
    EXPECT_EQ(state.fdb_size(), 2U);
}

TEST_F(Fdb, LimitIsForAllEntriesTogether) {
    learn(0x30, VtepRef{0});
    std::vector<FdbSpec> entries;
    for (std::uint64_t i = 0; i < 4; ++i)
        entries.push_back({mac(0x40 + i), std::string("blue1")});
    EXPECT_NE(error_of(state.add_fdb("blue", entries)).find("raise limits.fdb_entries"),
              std::string::npos);
    entries.pop_back();
    EXPECT_TRUE(state.add_fdb("blue", entries));
    // Replacing needs no room.
    const FdbSpec replacing{mac(0x30), std::string("blue1")};
    EXPECT_TRUE(state.add_fdb("blue", {&replacing, 1}));
}

TEST_F(Fdb, EqualMacsOfTenantsAreApart) {
    TenantSpec other = red();
    other.fdb = {{mac(0x10), std::string("red2")}};
    other.vm_ports[0].macs.clear();
    ASSERT_TRUE(state.add_tenant(other));
    EXPECT_EQ(state.find_fdb(0, mac(0x10))->target, FdbTarget(VtepRef{1}));
    EXPECT_EQ(state.find_fdb(1, mac(0x10))->target, FdbTarget(VmPortRef{3}));
    ASSERT_TRUE(state.remove_fdb("blue", mac(0x10)));
    EXPECT_TRUE(state.find_fdb(1, mac(0x10)));
    std::set<std::string> one;
    std::set<std::string> all;
    state.for_each_fdb(1, [&](const FdbRow& row) { one.insert(key_of(row)); });
    state.for_each_fdb([&](const FdbRow& row) { all.insert(key_of(row)); });
    EXPECT_EQ(one, (std::set<std::string>{"fdb 1 02:00:00:00:00:10"}));
    EXPECT_EQ(all, (std::set<std::string>{"fdb 0 02:00:00:00:00:11", "fdb 1 02:00:00:00:00:10"}));
}

/// Takes everything and keeps nothing: what it costs is what the state costs.
class TrivialPath final : public Path {
  public:
    Expected<void> apply(std::span<const RowChange> changes, std::size_t* applied) override {
        taken += changes.size();
        if (applied != nullptr) *applied = changes.size();
        return {};
    }
    std::optional<std::chrono::seconds> idle_time(TenantId, const net::MacAddress&) override {
        return 0s;
    }
    void take_learned(std::vector<LearnEvent>&, std::size_t) override {}
    std::size_t taken = 0;
};

/// Of this process, so that a busy machine does not count.
double processor_milliseconds() {
    return 1000.0 * static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

TEST(FdbBatch, HundredThousandEntriesGoInUnderASecond) {
    constexpr std::size_t entries = 100000;
    TrivialPath trivial;
    ForwardingState state(Limits{}, {&trivial});
    TenantSpec spec = blue();
    spec.fdb.clear();
    ASSERT_TRUE(state.add_tenant(spec));
    std::vector<FdbSpec> batch;
    for (std::size_t i = 0; i < entries; ++i)
        batch.push_back({mac(0x1000 + i), address(i % 2 ? "192.0.2.2" : "192.0.2.3")});
    trivial.taken = 0;
    const double start = processor_milliseconds();
    const auto added = state.add_fdb("blue", batch);
    const double middle = processor_milliseconds();
    ASSERT_TRUE(added) << added.error().message();
    EXPECT_EQ(trivial.taken, entries);
    EXPECT_EQ(state.fdb_size(), entries);
    EXPECT_EQ(state.find_tenant("blue")->configured, entries);
    ASSERT_TRUE(state.remove_tenant("blue"));
    const double end = processor_milliseconds();
    EXPECT_EQ(state.fdb_size(), 0U);
    // Loose, for sanitizers: a quadratic batch takes minutes.
    EXPECT_LT(middle - start, 1000);
    EXPECT_LT(end - middle, 1000);
    std::printf("100,000 entries: added in %.0f ms, removed in %.0f ms\n", middle - start,
                end - middle);
}

} // namespace
} // namespace sallyport::overlay::test
