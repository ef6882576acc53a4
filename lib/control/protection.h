// SPDX-License-Identifier: BSD-3-Clause
// The SAs of protected tenants, from their key files to the software path and out again.
#pragma once

#include "base/error.h"
#include "config/settings.h"
#include "control/event_loop.h"
#include "control/sa_keys.h"
#include "control/sa_report.h"
#include "control/wireshark_keys.h"
#include "datapath/software_path.h"
#include "ipsec/crypto_devices.h"
#include "ipsec/security_port.h"
#include "ipsec/sequence_store.h"
#include "ipsec/session.h"
#include "overlay/forwarding_state.h"

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sallyport::control {

class Protection;

/// What a rekey came to.
struct SaDifference {
    std::size_t made = 0;
    std::size_t kept = 0;
    /// Gone, or retiring.
    std::size_t left = 0;
};

/// A rekey under way; see Protection::prepare(). Until finish() was called its end undoes it.
class Rekeying {
  public:
    Rekeying(Rekeying&&) noexcept;
    Rekeying& operator=(Rekeying&&) = delete;
    ~Rekeying();

    /// The workers take the new inbound SAs, then send by the new outbound ones. On failure they
    /// are as before. The rows of all vteps, old and new, are there.
    Expected<void> switch_over();
    /// Old outbound SAs go, old inbound ones retire: at once where their vtep is no longer the
    /// tenant's.
    SaDifference finish();

  private:
    friend class Protection;
    struct Plan;
    Rekeying(Protection& protection, const config::TenantSettings& tenant);

    Protection* protection_;
    const config::TenantSettings& tenant_;
    std::unique_ptr<Plan> plan_;
};

/// Owned by the control thread; every call comes from there, and may wait for the disk. Crypto
/// devices and the state file are opened with the first SA.
class Protection {
  public:
    /// @param loop,path,state must outlive the object
    /// @param uplinks by their index; their ports must outlive the object
    Protection(EventLoop& loop, datapath::SoftwarePath& path, const overlay::ForwardingState& state,
               config::IpsecSettings settings,
               std::vector<std::unique_ptr<ipsec::SecurityPort>> uplinks, std::uint16_t workers);
    /// Takes all SAs from the path.
    ~Protection();
    Protection(const Protection&) = delete;
    Protection& operator=(const Protection&) = delete;

    [[nodiscard]] bool has_sas() const { return !tenants_.empty(); }

    /// Brings up the SAs of a tenant whose rows are there. On failure there are none, and what the
    /// tenant sends is dropped.
    Expected<void> add(const config::TenantSettings& tenant);
    /// Before the tenant's rows go: no worker has its SAs any more.
    void withdraw(const std::string& tenant);
    /// The rows stayed after all.
    Expected<void> give_again(const std::string& tenant);
    /// The rows are gone: the SAs go too, and their sequence numbers are kept for good.
    void forget(const std::string& tenant);

    /// Replaces the tenant's SAs by those of @p tenant, make before break: new inbound ones are
    /// taken at once, then outbound ones are switched, then old inbound ones go after the grace
    /// time. SAs with the same settings and key stay as they are. On failure all stay.
    Expected<void> rekey(const config::TenantSettings& tenant);
    /// The same in steps, for changes that have more to them: the new SAs are made, and no worker
    /// has them yet.
    /// @param tenant must outlive what is returned
    Expected<Rekeying> prepare(const config::TenantSettings& tenant);

    [[nodiscard]] IpsecReport report() const;

  private:
    /// One SA at work.
    struct Sa {
        config::SaSettings settings;
        ipsec::Sha256 key_name{};
        std::shared_ptr<ipsec::SaSession> session{};
        ipsec::EngineChoice choice{};
        /// Outbound.
        std::optional<ipsec::Reservation> reservation{};
        std::uint16_t worker = 0;
        /// Up to where the operator was warned.
        ipsec::Lifetime told = ipsec::Lifetime::fresh;
        /// Of a retiring one.
        EventLoop::TimerId expiry = 0;

        [[nodiscard]] bool is_outbound() const {
            return settings.direction == ipsec::Direction::outbound;
        }
        [[nodiscard]] bool is_retiring() const { return expiry != 0; }
    };
    using Sas = std::vector<std::shared_ptr<Sa>>;
    struct KeyOfSa {
        ipsec::Secret key;
        ipsec::Sha256 name{};
    };
    friend class Rekeying;
    using RekeyPlan = Rekeying::Plan;

    Expected<void> open();
    Expected<KeyOfSa> read_key(const std::string& tenant, const config::SaSettings& sa) const;
    /// Refuses a key or an inbound SPI that another SA has: one of those at work, of whichever
    /// tenant, or of @p others.
    Expected<void> refuse_used(const std::string& tenant, const config::SaSettings& sa,
                               const ipsec::Sha256& key_name, const Sas& others) const;
    /// An SA that is to be, and what its session is made of.
    struct Draft {
        std::shared_ptr<Sa> sa;
        ipsec::SaSettings settings;
    };
    static Draft draft(const config::TenantSettings& tenant, const config::SaSettings& settings,
                       KeyOfSa key, std::uint16_t worker);
    /// Makes the sessions; the path does not have them yet. After a failure all are to be
    /// discarded.
    Expected<void> install(std::vector<Draft> drafts);
    Expected<void> reserve_numbers(std::span<Draft> drafts);
    /// In turn; of engines that must know it before the first packet tells.
    std::uint16_t next_inbound_worker();
    void discard(Sa& sa);

    Expected<void> give(const std::string& tenant, const Sas& sas);
    Expected<void> give_inbound(const std::string& tenant, const Sa& sa);
    Expected<void> give_outbound(const std::string& tenant, const net::IpAddress& vtep,
                                 const Sas& sas);
    void take(const std::string& tenant, const Sas& sas);

    Expected<void> plan(const config::TenantSettings& tenant, RekeyPlan& plan);
    Expected<void> make_new(const config::TenantSettings& tenant, RekeyPlan& plan);
    Expected<void> switch_over(const config::TenantSettings& tenant, RekeyPlan& plan);
    void switch_back(const config::TenantSettings& tenant, RekeyPlan& plan);
    SaDifference finish(const config::TenantSettings& tenant, RekeyPlan& plan);
    void abandon(const config::TenantSettings& tenant, RekeyPlan& plan);
    void retire(const std::string& tenant, const std::shared_ptr<Sa>& sa);
    void expire(const std::string& tenant, const std::shared_ptr<Sa>& sa);

    void watch();
    void tend();
    void renew_numbers();
    void tell_lifetimes(const std::string& tenant, Sa& sa) const;

    EventLoop& loop_;
    datapath::SoftwarePath& path_;
    const overlay::ForwardingState& state_;
    config::IpsecSettings settings_;
    std::uint16_t workers_;
    // Sessions go before these.
    std::vector<std::unique_ptr<ipsec::SecurityPort>> uplinks_;
    std::unique_ptr<ipsec::CryptoDevices> devices_;
    std::optional<KeyNames> key_names_;
    std::unique_ptr<ipsec::SequenceStore> numbers_;
    std::optional<WiresharkKeys> wireshark_;
    std::map<std::string, Sas> tenants_;
    std::uint16_t next_inbound_worker_ = 0;
    EventLoop::TimerId timer_ = 0;
    bool numbers_fail_ = false;
    /// Of SAs that are gone; index by ipsec::Direction.
    std::array<SaTotals, 2> gone_{};
};

} // namespace sallyport::control
