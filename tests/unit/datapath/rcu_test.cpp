// SPDX-License-Identifier: BSD-3-Clause
// What a worker holds is not freed under it.
#include "datapath/rcu.h"

#include <atomic>
#include <chrono>
#include <thread>

#include <gtest/gtest.h>

namespace sallyport::datapath {
namespace {

/// Counts itself.
struct Counted {
    explicit Counted(int& living, int number = 0) : living_(living), number(number) { ++living_; }
    ~Counted() { --living_; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;

  private:
    int& living_;

  public:
    int number;
};

class RcuTest : public ::testing::Test {
  protected:
    void publish(std::size_t id, int number) {
        array.publish(id, std::make_unique<const Counted>(living, number));
    }
    int living = 0;
    RcuDomain domain{2};
    RcuArray<Counted> array{domain, 4};
};

TEST_F(RcuTest, WithoutReadersWhatIsReplacedGoesAtOnce) {
    publish(0, 1);
    publish(0, 2);
    EXPECT_EQ(living, 1);
    EXPECT_EQ(array.get(0)->number, 2);
    array.publish(0, nullptr);
    EXPECT_EQ(living, 0);
    EXPECT_EQ(array.get(0), nullptr);
}

TEST_F(RcuTest, ReaderHoldsUntilItIsQuiescent) {
    domain.register_reader(0);
    domain.online(0);
    publish(0, 1);
    const Counted* const held = array.get(0);
    publish(0, 2);
    EXPECT_EQ(living, 2);
    EXPECT_EQ(held->number, 1);
    EXPECT_EQ(array.get(0)->number, 2) << "new readers see the new one";
    domain.reclaim();
    EXPECT_EQ(living, 2) << "not quiescent yet";
    domain.quiescent(0);
    domain.reclaim();
    EXPECT_EQ(living, 1);
    domain.offline(0);
    domain.unregister_reader(0);
}

TEST_F(RcuTest, EveryReaderCounts) {
    for (const std::uint32_t reader : {0U, 1U}) {
        domain.register_reader(reader);
        domain.online(reader);
    }
    publish(1, 1);
    array.publish(1, nullptr);
    domain.quiescent(0);
    domain.reclaim();
    EXPECT_EQ(living, 1) << "the other still holds it";
    domain.offline(1);
    domain.reclaim();
    EXPECT_EQ(living, 0) << "a sleeping reader holds nothing";
    domain.offline(0);
}

TEST_F(RcuTest, OnlyWhatWasRetiredBeforeIsFreed) {
    domain.register_reader(0);
    domain.online(0);
    publish(0, 1);
    publish(0, 2);
    domain.quiescent(0);
    publish(0, 3);
    domain.reclaim();
    EXPECT_EQ(living, 2) << "2 was retired after the quiescent state";
    domain.quiescent(0);
    domain.reclaim();
    EXPECT_EQ(living, 1);
    domain.offline(0);
}

TEST_F(RcuTest, SynchronizeWaitsForReaders) {
    domain.register_reader(0);
    domain.online(0);
    publish(0, 1);
    array.publish(0, nullptr);
    std::atomic<bool> synchronized{false};
    std::atomic<bool> released{false};
    std::thread reader([&] {
        // Long enough for a synchronize() that does not wait to be seen.
        const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(50);
        while (std::chrono::steady_clock::now() < until)
            EXPECT_FALSE(synchronized);
        released = true;
        domain.quiescent(0);
        domain.offline(0);
    });
    domain.synchronize();
    synchronized = true;
    EXPECT_TRUE(released);
    EXPECT_EQ(living, 0);
    reader.join();
}

TEST_F(RcuTest, BeyondTheArrayThereIsNothing) {
    EXPECT_EQ(array.size(), 4U);
    EXPECT_EQ(array.get(4), nullptr);
    EXPECT_EQ(array.get(0xffffffff), nullptr);
}

TEST_F(RcuTest, DestructionFreesAll) {
    int others = 0;
    {
        RcuDomain own(1);
        RcuArray<Counted> numbers(own, 2);
        own.register_reader(0);
        numbers.publish(0, std::make_unique<const Counted>(others));
        numbers.publish(1, std::make_unique<const Counted>(others));
        numbers.publish(1, std::make_unique<const Counted>(others));
    }
    EXPECT_EQ(others, 0);
}

} // namespace
} // namespace sallyport::datapath
