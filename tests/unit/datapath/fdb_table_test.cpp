// SPDX-License-Identifier: BSD-3-Clause
// The fdb of the workers.
#include "datapath/fdb_table.h"
#include "fixture.h"

#include <chrono>
#include <iostream>
#include <random>
#include <thread>

namespace sallyport::datapath {
namespace {

std::unique_ptr<FdbTable> make_table(RcuDomain& domain, std::uint32_t capacity) {
    testing::start_eal();
    static unsigned instances = 0;
    auto table = FdbTable::create(domain, capacity, "test-fdb" + std::to_string(instances++));
    if (!table) throw std::runtime_error(table.error().message());
    return std::move(*table);
}

std::optional<FdbEntry> find(const FdbTable& table, FdbKey key) {
    std::uint64_t word = 0;
    if (table.lookup(&key, 1, &word) == 0) return std::nullopt;
    return FdbEntry::unpack(word);
}

TEST(FdbEntryTest, PacksWithoutLoss) {
    for (const auto kind : {FdbEntry::Kind::vm_port, FdbEntry::Kind::tunnel}) {
        for (const bool configured : {false, true}) {
            for (const std::uint32_t target : {0U, 1U, 4095U, 0xffffffffU}) {
                for (const std::uint32_t slot : {0U, 1U, (1U << 26) - 1}) {
                    const auto entry =
                        FdbEntry::unpack(FdbEntry{kind, configured, target, slot}.pack());
                    EXPECT_EQ(entry.kind, kind);
                    EXPECT_EQ(entry.configured, configured);
                    EXPECT_EQ(entry.target, target);
                    EXPECT_EQ(entry.slot, slot);
                    EXPECT_TRUE(entry.at(kind, target));
                    EXPECT_FALSE(entry.at(kind, target ^ 1));
                }
            }
        }
    }
}

// All of them fit, whatever their keys hash to; and again after all have gone.
TEST(FdbTableTest, WholeCapacityIsUsableAgainAndAgain) {
    constexpr std::uint32_t capacity = 100'000;
    RcuDomain domain(1);
    const auto table = make_table(domain, capacity);
    const auto key_of = [](std::uint32_t round, std::uint32_t i) {
        return fdb_key(static_cast<overlay::TenantId>(i % 50), 0x020000000000ULL + i + round * 77);
    };
    for (std::uint32_t round = 0; round < 3; ++round) {
        for (std::uint32_t i = 0; i < capacity; ++i)
            ASSERT_TRUE(table->put(key_of(round, i), FdbEntry::Kind::tunnel, i, false, 1)) << i;
        const auto full = table->put(fdb_key(60, 1), FdbEntry::Kind::tunnel, 1, false, 1);
        ASSERT_FALSE(full);
        EXPECT_NE(full.error().message().find("limits.fdb_entries"), std::string::npos);
        EXPECT_FALSE(find(*table, fdb_key(60, 1)));
        EXPECT_TRUE(table->put(key_of(round, 5), FdbEntry::Kind::vm_port, 7, true, 2))
            << "replacing needs no room";
        std::set<std::uint32_t> slots;
        for (std::uint32_t i = 0; i < capacity; ++i) {
            const auto entry = find(*table, key_of(round, i));
            ASSERT_TRUE(entry) << i;
            ASSERT_TRUE(i == 5 ? entry->at(FdbEntry::Kind::vm_port, 7) && entry->configured
                               : entry->at(FdbEntry::Kind::tunnel, i))
                << i;
            slots.insert(entry->slot);
        }
        EXPECT_EQ(slots.size(), capacity) << "each has an age of its own";
        for (std::uint32_t i = 0; i < capacity; ++i)
            table->remove(key_of(round, i));
        EXPECT_FALSE(find(*table, key_of(round, 0)));
    }
}

TEST(FdbTableTest, SameMacOfTwoTenantsIsTwoEntries) {
    RcuDomain domain(1);
    const auto table = make_table(domain, 64);
    ASSERT_TRUE(table->put(fdb_key(1, 5), FdbEntry::Kind::vm_port, 10, false, 1));
    ASSERT_TRUE(table->put(fdb_key(2, 5), FdbEntry::Kind::vm_port, 20, false, 1));
    EXPECT_EQ(find(*table, fdb_key(1, 5))->target, 10U);
    EXPECT_EQ(find(*table, fdb_key(2, 5))->target, 20U);
    table->remove(fdb_key(1, 5));
    EXPECT_FALSE(find(*table, fdb_key(1, 5)));
    EXPECT_EQ(find(*table, fdb_key(2, 5))->target, 20U);
    table->remove(fdb_key(1, 5));
}

TEST(FdbTableTest, BulkLookupWithHitsAnywhere) {
    RcuDomain domain(1);
    const auto table = make_table(domain, 1024);
    for (std::uint64_t i = 0; i < 1000; ++i)
        ASSERT_TRUE(table->put(fdb_key(3, i), FdbEntry::Kind::tunnel, static_cast<std::uint32_t>(i),
                               false, 1));
    std::mt19937_64 random(42); // NOLINT: the same numbers every time
    for (std::uint32_t count = 1; count <= RTE_HASH_LOOKUP_BULK_MAX; ++count) {
        for (unsigned round = 0; round < 20; ++round) {
            const std::uint64_t mask = count == 64 ? ~0ULL : (1ULL << count) - 1;
            const std::uint64_t wanted = (round == 0 ? 0 : round == 1 ? ~0ULL : random()) & mask;
            FdbKey keys[RTE_HASH_LOOKUP_BULK_MAX];
            for (std::uint32_t i = 0; i < count; ++i)
                keys[i] = fdb_key((wanted >> i & 1) != 0 ? 3 : 4, random() % 1000);
            std::uint64_t words[RTE_HASH_LOOKUP_BULK_MAX];
            ASSERT_EQ(table->lookup(keys, count, words), wanted);
            for (std::uint32_t i = 0; i < count; ++i) {
                if ((wanted >> i & 1) == 0) continue;
                ASSERT_EQ(FdbEntry::unpack(words[i]).target, keys[i] & 0xffff);
            }
        }
    }
}

TEST(FdbTableTest, LastSeenIsTouchedByWorkers) {
    RcuDomain domain(1);
    const auto table = make_table(domain, 64);
    EXPECT_FALSE(table->last_seen(fdb_key(1, 5)));
    ASSERT_TRUE(table->put(fdb_key(1, 5), FdbEntry::Kind::vm_port, 10, false, 100));
    ASSERT_TRUE(table->put(fdb_key(1, 6), FdbEntry::Kind::vm_port, 10, false, 100));
    table->touch(find(*table, fdb_key(1, 5))->slot, 123);
    EXPECT_EQ(table->last_seen(fdb_key(1, 5)), 123U);
    EXPECT_EQ(table->last_seen(fdb_key(1, 6)), 100U);
    table->remove(fdb_key(1, 5));
    EXPECT_FALSE(table->last_seen(fdb_key(1, 5)));
    ASSERT_TRUE(table->put(fdb_key(1, 7), FdbEntry::Kind::vm_port, 10, false, 200));
    EXPECT_EQ(table->last_seen(fdb_key(1, 7)), 200U) << "a slot used again is young";
}

// What was removed holds its place until the workers have been quiescent; an entry that fits by
// count waits for that, and is not refused.
TEST(FdbTableTest, PlacesOfRemovedEntriesAreWaitedFor) {
    constexpr std::uint32_t capacity = 64;
    RcuDomain domain(1);
    const auto table = make_table(domain, capacity);
    for (std::uint32_t i = 0; i < capacity; ++i)
        ASSERT_TRUE(table->put(fdb_key(1, i), FdbEntry::Kind::tunnel, i, false, 1));
    domain.register_reader(0);
    domain.online(0);
    for (std::uint32_t i = 0; i < capacity; ++i)
        table->remove(fdb_key(1, i));
    std::thread reader([&] {
        // Long enough for a put() that does not wait to be refused.
        const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(100);
        while (std::chrono::steady_clock::now() < until)
            std::this_thread::yield();
        domain.offline(0);
    });
    for (std::uint32_t i = 0; i < capacity; ++i)
        EXPECT_TRUE(table->put(fdb_key(2, i), FdbEntry::Kind::tunnel, i, false, 1)) << i;
    reader.join();
    EXPECT_EQ(find(*table, fdb_key(2, 63))->target, 63U);
    EXPECT_FALSE(find(*table, fdb_key(1, 63)));
}

// Readers go on while the control thread adds and removes: what always stays is always found.
TEST(FdbTableTest, ReadersNeverMissWhatStays) {
    RcuDomain domain(1);
    const auto table = make_table(domain, 4096);
    for (std::uint64_t i = 0; i < 100; ++i)
        ASSERT_TRUE(table->put(fdb_key(1, i), FdbEntry::Kind::tunnel, static_cast<std::uint32_t>(i),
                               false, 1));
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> lookups{0}, wrong{0};
    std::thread reader([&] {
        domain.register_reader(0);
        domain.online(0);
        FdbKey keys[64];
        std::uint64_t words[64];
        for (std::uint64_t i = 0; i < 64; ++i)
            keys[i] = fdb_key(1, i);
        while (!stop) {
            const std::uint64_t hits = table->lookup(keys, 64, words);
            for (std::uint64_t i = 0; i < 64; ++i)
                if ((hits >> i & 1) == 0 || FdbEntry::unpack(words[i]).target != i) ++wrong;
            ++lookups;
            domain.quiescent(0);
        }
        domain.offline(0);
        domain.unregister_reader(0);
    });
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    unsigned refused = 0;
    for (std::uint32_t round = 0; lookups < 1000 || round < 10; ++round) {
        if (std::chrono::steady_clock::now() > deadline) break;
        for (std::uint64_t i = 0; i < 2000; ++i)
            if (!table->put(fdb_key(2, i + round), FdbEntry::Kind::vm_port, round, false, 1))
                ++refused;
        for (std::uint64_t i = 0; i < 2000; ++i)
            table->remove(fdb_key(2, i + round));
    }
    stop = true;
    reader.join();
    EXPECT_GE(lookups, 1000U);
    EXPECT_EQ(wrong, 0U);
    EXPECT_EQ(refused, 0U) << "entries that were removed held their place";
}

} // namespace
} // namespace sallyport::datapath

namespace sallyport::testing {
namespace {

class FdbScaleTest : public OneTenantTest {};

TEST_F(FdbScaleTest, HundredThousandRows) {
    constexpr std::uint32_t count = 100'000;
    datapath::SoftwarePathSettings settings = Hypervisor::small_settings();
    settings.fdb_entries = count;
    rebuild(settings);
    std::vector<overlay::RowChange> changes;
    for (std::uint64_t i = 0; i < count; ++i)
        changes.push_back({overlay::RowChange::Kind::put,
                           overlay::FdbRow{blue, net::MacAddress::from_u64(0x020000000000 + i),
                                           overlay::VtepRef{i % 2 == 0 ? vtep2 : vtep3},
                                           overlay::FdbOrigin::learned}});
    const auto start = std::chrono::steady_clock::now();
    ASSERT_TRUE(hypervisor().apply(changes));
    const std::chrono::duration<double, std::milli> put = std::chrono::steady_clock::now() - start;
    for (auto& change : changes)
        change.kind = overlay::RowChange::Kind::remove;
    std::cout << count << " fdb rows put in " << put.count() << " ms\n";
    send(a(), raw_frame(net::MacAddress::from_u64(0x020000000000 + count - 1), mac(1), 0x88b5, 46));
    EXPECT_EQ(sent()["p0"].size(), 1U);
    EXPECT_EQ(drops(), Drops());
    ASSERT_TRUE(hypervisor().apply(changes));
    send(a(), raw_frame(net::MacAddress::from_u64(0x020000000000 + count - 1), mac(1), 0x88b5, 46));
    EXPECT_EQ(sent()["p0"].size(), 2U) << "flooded";
}

} // namespace
} // namespace sallyport::testing
