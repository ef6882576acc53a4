// SPDX-License-Identifier: BSD-3-Clause
// Lookup tables shared with the workers: the control thread publishes, workers read without locks,
// and what was replaced is freed once no worker can hold it any more (DPDK's rte_rcu_qsbr).
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <new>
#include <vector>

#include <rte_rcu_qsbr.h>

namespace sallyport::datapath {

/// The quiescent-state domain of all workers. Control thread only, but for quiescent() and the two
/// calls around a sleep, which each worker makes for itself.
class RcuDomain {
  public:
    explicit RcuDomain(std::uint32_t readers)
        : state_(static_cast<rte_rcu_qsbr*>(
            std::aligned_alloc(RTE_CACHE_LINE_SIZE, rte_rcu_qsbr_get_memsize(readers)))) {
        if (state_ == nullptr) throw std::bad_alloc();
        rte_rcu_qsbr_init(state_.get(), readers);
    }
    ~RcuDomain() { synchronize(); }
    RcuDomain(const RcuDomain&) = delete;
    RcuDomain& operator=(const RcuDomain&) = delete;

    [[nodiscard]] rte_rcu_qsbr* raw() const { return state_.get(); }

    void register_reader(std::uint32_t reader) {
        rte_rcu_qsbr_thread_register(state_.get(), reader);
    }
    void unregister_reader(std::uint32_t reader) {
        rte_rcu_qsbr_thread_unregister(state_.get(), reader);
    }
    void online(std::uint32_t reader) { rte_rcu_qsbr_thread_online(state_.get(), reader); }
    void offline(std::uint32_t reader) { rte_rcu_qsbr_thread_offline(state_.get(), reader); }
    void quiescent(std::uint32_t reader) { rte_rcu_qsbr_quiescent(state_.get(), reader); }

    /// Frees @p object once every worker has passed a quiescent state; never waits.
    template<class T>
    void retire(std::unique_ptr<T> object) {
        if (!object) return;
        retired_.push_back(
            {rte_rcu_qsbr_start(state_.get()), std::shared_ptr<const void>(std::move(object))});
        reclaim();
    }

    /// Frees what can be freed by now.
    void reclaim() {
        while (!retired_.empty()
               && rte_rcu_qsbr_check(state_.get(), retired_.front().token, false) == 1)
            retired_.pop_front();
    }

    /// Waits until no worker holds anything that was unpublished before the call.
    void synchronize() {
        rte_rcu_qsbr_synchronize(state_.get(), RTE_QSBR_THRID_INVALID);
        retired_.clear();
    }

  private:
    struct Retired {
        std::uint64_t token;
        std::shared_ptr<const void> object;
    };
    struct Free {
        void operator()(rte_rcu_qsbr* state) const { std::free(state); }
    };
    std::unique_ptr<rte_rcu_qsbr, Free> state_;
    std::deque<Retired> retired_;
};

/// An array of published objects, by dense id. Grows never: workers hold its address.
template<class T>
class RcuArray {
  public:
    RcuArray(RcuDomain& domain, std::size_t size) : domain_(domain), slots_(size) {}
    ~RcuArray() {
        for (auto& slot : slots_)
            delete slot.load(std::memory_order_relaxed);
    }
    RcuArray(const RcuArray&) = delete;
    RcuArray& operator=(const RcuArray&) = delete;

    [[nodiscard]] std::size_t size() const { return slots_.size(); }

    /// Any thread. Null: nothing published under this id. Valid until the reader's next quiescent
    /// state.
    [[nodiscard]] const T* get(std::size_t id) const {
        return id < slots_.size() ? slots_[id].load(std::memory_order_acquire) : nullptr;
    }

    /// Control thread. Null unpublishes.
    void publish(std::size_t id, std::unique_ptr<const T> object) {
        const T* const old = slots_[id].exchange(object.release(), std::memory_order_acq_rel);
        domain_.retire(std::unique_ptr<const T>(old));
    }

  private:
    RcuDomain& domain_;
    std::vector<std::atomic<const T*>> slots_;
};

} // namespace sallyport::datapath
