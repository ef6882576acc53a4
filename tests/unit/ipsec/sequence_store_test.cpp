// SPDX-License-Identifier: BSD-3-Clause
// Promise P4 over restarts: whatever happens to the state file, no number comes twice.
#include "ipsec/sequence_store.h"
#include "lab.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <sys/stat.h>

namespace sallyport::testing {

namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// Dies at the n-th step: it does half of what a write should, or nothing of another step, and all
/// after it fails.
class CrashingFiles : public StateFiles {
  public:
    explicit CrashingFiles(int steps) : steps_(steps) {}

    Expected<void> write(const std::filesystem::path& path, std::string_view text) override {
        if (alive()) return StateFiles::write(path, text);
        if (!died_) std::ofstream(path) << text.substr(0, text.size() / 2);
        return crash();
    }
    Expected<void> rename(const std::filesystem::path& from,
                          const std::filesystem::path& to) override {
        return alive() ? StateFiles::rename(from, to) : crash();
    }
    Expected<void> sync_folder(const std::filesystem::path& folder) override {
        return alive() ? StateFiles::sync_folder(folder) : crash();
    }
    [[nodiscard]] bool died() const { return died_; }

  private:
    bool alive() { return !died_ && steps_-- > 0; }
    Expected<void> crash() {
        died_ = true;
        return failure("crash");
    }
    int steps_;
    bool died_ = false;
};

/// Waits for no disk.
class QuickFiles : public StateFiles {
  public:
    int writes = 0;
    Expected<void> write(const std::filesystem::path& path, std::string_view text) override {
        ++writes;
        std::ofstream(path) << text;
        ::chmod(path.c_str(), 0600);
        return {};
    }
    Expected<void> sync_folder(const std::filesystem::path&) override { return {}; }
};

class SequenceStoreTest : public ::testing::Test {
  protected:
    SequenceStoreTest() {
        std::string pattern = std::filesystem::temp_directory_path() / "sallyport-state-XXXXXX";
        folder_ = ::mkdtemp(pattern.data());
        path_ = folder_ / "sequence";
    }
    ~SequenceStoreTest() override { std::filesystem::remove_all(folder_); }

    static Expected<Sha256> hash(std::span<std::uint8_t> message) {
        return crypto().sha256(message);
    }
    Expected<std::unique_ptr<SequenceStore>> open(bool first_use, StateFiles* files = nullptr) {
        return SequenceStore::open(path_, first_use, hash, files);
    }
    std::string complaint(bool first_use = false) {
        const auto store = open(first_use);
        return store ? "" : store.error().message();
    }
    std::string content() {
        std::ifstream file(path_);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    void write(const std::string& text, mode_t mode = 0600) {
        std::ofstream(path_) << text;
        ::chmod(path_.c_str(), mode);
    }
    static SaSettings sa(bool esn = true, std::uint8_t key = 0) {
        SaSettings settings = sa_settings(SaOptions{.esn = esn}, Direction::outbound);
        settings.key.octets()[0] = key;
        return settings;
    }

    std::filesystem::path folder_, path_;
};

TEST_F(SequenceStoreTest, HashesAsSha256Does) {
    std::string text = "abc";
    const auto digest = hash({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
    ASSERT_TRUE(digest);
    EXPECT_EQ((*digest)[0], 0xba);
    EXPECT_EQ((*digest)[1], 0x78);
    EXPECT_EQ((*digest)[31], 0xad);
    EXPECT_EQ(text, "abc");
}

TEST_F(SequenceStoreTest, AMissingFileIsNoFirstUse) {
    EXPECT_THAT(complaint(), HasSubstr("which sequence numbers are unused is not known"));
    EXPECT_EQ(complaint(true), "");
    EXPECT_EQ(complaint(), "") << "made by the first use";
    struct stat status {};
    ASSERT_EQ(::stat(path_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0600U);
}

TEST_F(SequenceStoreTest, ARestartBeginsBehindAllThatWasReserved) {
    const std::uint64_t step = reservation_step(true);
    for (std::uint64_t run = 0; run < 3; ++run) {
        auto store = open(run == 0);
        ASSERT_TRUE(store) << store.error().message();
        SaSettings settings = sa();
        const auto reservation = (*store)->start(settings);
        ASSERT_TRUE(reservation) << reservation.error().message();
        EXPECT_EQ(settings.first_sequence, 1 + run * step);
        EXPECT_EQ(settings.sequence_bound, 1 + (run + 1) * step);
        EXPECT_EQ(reservation->bound, settings.sequence_bound);
    }
}

TEST_F(SequenceStoreTest, RenewsAheadOfNeed) {
    auto store = std::move(*open(true));
    SaSettings settings = sa();
    std::vector<Reservation> reservations{*store->start(settings)};
    const std::uint64_t step = reservation_step(true), first = settings.sequence_bound;
    EXPECT_FALSE(reservations[0].is_low(1));
    EXPECT_TRUE(reservations[0].is_low(first - step / 2 + 1));
    EXPECT_TRUE(reservations[0].is_low(first + 1));
    const std::uint64_t next[] = {first - 100};
    ASSERT_TRUE(store->renew(reservations, next));
    EXPECT_EQ(reservations[0].bound, first - 100 + step);
    store.reset();
    store = std::move(*open(false));
    settings = sa();
    ASSERT_TRUE(store->start(settings));
    EXPECT_EQ(settings.first_sequence, first - 100 + step);
}

TEST_F(SequenceStoreTest, KeysHaveNumbersOfTheirOwnWhateverTheSpi) {
    auto store = std::move(*open(true));
    SaSettings one = sa(true, 1), two = sa(true, 2), again = sa(true, 1);
    const auto first = store->start(one);
    ASSERT_TRUE(first && store->start(two));
    EXPECT_EQ(two.first_sequence, 1U);
    again.spi = 4711;
    const auto twice = store->start(again);
    ASSERT_FALSE(twice);
    EXPECT_THAT(twice.error().message(), HasSubstr("another outbound SA uses the same key"));
    store->finish(*first);
    ASSERT_TRUE(store->start(again));
    EXPECT_EQ(again.first_sequence, one.sequence_bound);
}

TEST_F(SequenceStoreTest, SeveralStartByOneWriteOrNotAtAll) {
    QuickFiles files;
    auto store = std::move(*open(true, &files));
    SaSettings one = sa(true, 1), two = sa(true, 2), twice = sa(true, 1);
    const int before = files.writes;
    SaSettings* const wrong[] = {&one, &two, &twice};
    EXPECT_THAT(store->start(wrong).error().message(), HasSubstr("uses the same key"));
    EXPECT_EQ(files.writes, before);
    EXPECT_EQ(store->size(), 0U);
    SaSettings* const right[] = {&one, &two};
    const auto started = store->start(right);
    ASSERT_TRUE(started) << "none was under way: " << started.error().message();
    EXPECT_EQ(files.writes, before + 1);
    EXPECT_EQ(two.sequence_bound, (*started)[1].bound);
    EXPECT_EQ(store->size(), 2U);
    EXPECT_FALSE(store->start(twice)) << "under way";
}

TEST_F(SequenceStoreTest, ShortNumbersEnd) {
    QuickFiles files;
    SaSettings settings = sa(false);
    unsigned runs = 0;
    for (;; ++runs) {
        auto store = std::move(*open(runs == 0, &files));
        settings = sa(false);
        if (!store->start(settings)) break;
        ASSERT_LE(settings.sequence_bound, last_sequence(false) + 1);
        ASSERT_TRUE(validate(settings));
    }
    EXPECT_EQ(runs, 1024U);
    auto store = std::move(*open(false));
    EXPECT_THAT(store->start(settings).error().message(), HasSubstr("replace the key"));
}

TEST_F(SequenceStoreTest, ACrashAtAnyStepRepeatsNothing) {
    for (int steps = 0; steps < 30; ++steps) {
        std::filesystem::remove_all(folder_);
        std::filesystem::create_directory(folder_);
        std::uint64_t used = 0;
        bool ever = false;
        {
            CrashingFiles files(steps);
            auto store = open(true, &files);
            SaSettings settings = sa();
            std::vector<Reservation> reservations;
            if (store)
                if (auto started = (*store)->start(settings)) {
                    reservations.push_back(*started);
                    used = settings.sequence_bound - 1;
                    ever = true;
                }
            while (ever && !files.died()) {
                const std::uint64_t next[] = {used + 1};
                if ((*store)->renew(reservations, next)) used = reservations[0].bound - 1;
            }
        }
        auto store = open(false);
        if (!store) {
            EXPECT_FALSE(ever) << "a file that was in use is readable after " << steps;
            continue;
        }
        SaSettings settings = sa();
        ASSERT_TRUE((*store)->start(settings)) << steps;
        EXPECT_GT(settings.first_sequence, used) << steps;
    }
}

TEST_F(SequenceStoreTest, AFailedRenewalLeavesTheBound) {
    CrashingFiles files(6);
    auto store = std::move(*open(true, &files));
    SaSettings settings = sa();
    std::vector<Reservation> reservations{*store->start(settings)};
    const std::uint64_t bound = reservations[0].bound;
    const std::uint64_t next[] = {bound - 5};
    EXPECT_FALSE(store->renew(reservations, next));
    EXPECT_EQ(reservations[0].bound, bound);
}

TEST_F(SequenceStoreTest, DamageIsSeen) {
    {
        auto store = std::move(*open(true));
        SaSettings one = sa(true, 1), two = sa(true, 2);
        ASSERT_TRUE(store->start(one) && store->start(two));
    }
    const std::string good = content();
    for (std::size_t length = 0; length < good.size(); ++length) {
        write(good.substr(0, length));
        EXPECT_THAT(complaint(), HasSubstr("damaged")) << length;
        EXPECT_THAT(complaint(true), HasSubstr("damaged")) << "a first use does not excuse it";
    }
    for (std::size_t at = 0; at < good.size(); ++at) {
        std::string changed = good;
        changed[at] ^= 1;
        write(changed);
        EXPECT_THAT(complaint(), HasSubstr("damaged")) << at;
    }
    write(good + "\n");
    EXPECT_THAT(complaint(), HasSubstr("damaged"));
    write(good);
    EXPECT_EQ(complaint(), "");
}

TEST_F(SequenceStoreTest, FilesThatOthersCanWriteAreRefused) {
    EXPECT_EQ(complaint(true), "");
    ::chmod(path_.c_str(), 0644);
    EXPECT_THAT(complaint(), HasSubstr("chmod 600"));
    std::filesystem::remove(path_);
    std::filesystem::create_symlink("/dev/null", path_);
    EXPECT_THAT(complaint(true), HasSubstr("cannot be opened"));
}

TEST_F(SequenceStoreTest, TwoProcessesCannotShareIt) {
    const auto first = open(true);
    ASSERT_TRUE(first);
    EXPECT_THAT(complaint(), HasSubstr("another process"));
}

TEST_F(SequenceStoreTest, RevealsNothingOfTheKey) {
    {
        auto store = std::move(*open(true));
        SaSettings settings = sa();
        ASSERT_TRUE(store->start(settings));
    }
    // The key is 00 41 42 43 ...
    EXPECT_THAT(content(), Not(HasSubstr("414243")));
    const std::string first = content();
    std::filesystem::remove(path_);
    {
        auto store = std::move(*open(true));
        SaSettings settings = sa();
        ASSERT_TRUE(store->start(settings));
    }
    EXPECT_NE(first.substr(0, 200), content().substr(0, 200)) << "another salt, other names";
}

TEST_F(SequenceStoreTest, WhatIsWrittenIsReadAgain) {
    SequenceState state;
    state.salt.fill(0xab);
    for (std::uint8_t i = 0; i < 200; ++i) {
        Sha256 name{};
        name[31] = i;
        state.bounds[name] = i == 0 ? UINT64_MAX : i * 1000ULL;
    }
    EXPECT_EQ(parse_sequence_file(to_text(state)), state);
}

} // namespace

} // namespace sallyport::testing
