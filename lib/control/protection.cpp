// SPDX-License-Identifier: BSD-3-Clause
// SAs come up with their tenant and go with it.
#include "control/protection.h"

#include <algorithm>
#include <set>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace sallyport::control {

Protection::Protection(EventLoop& loop, datapath::SoftwarePath& path,
                       const overlay::ForwardingState& state, config::IpsecSettings settings,
                       std::vector<std::unique_ptr<ipsec::SecurityPort>> uplinks,
                       std::uint16_t workers)
    : loop_(loop), path_(path), state_(state), settings_(std::move(settings)), workers_(workers),
      uplinks_(std::move(uplinks)) {}

Protection::~Protection() {
    if (timer_ != 0) loop_.cancel(timer_);
    timer_ = 0;
    while (!tenants_.empty()) {
        const std::string name = tenants_.begin()->first;
        withdraw(name);
        forget(name);
    }
}

Expected<void> Protection::open() {
    if (numbers_ != nullptr) return {};
    if (devices_ == nullptr) {
        auto devices = ipsec::CryptoDevices::open({.workers = workers_});
        if (!devices) return tl::unexpected(devices.error());
        devices_ = std::move(*devices);
        auto names = KeyNames::create(*devices_);
        if (!names) return tl::unexpected(names.error());
        key_names_ = *names;
    }
    if (!settings_.keys_to_file.empty() && !wireshark_) {
        auto keys = WiresharkKeys::create(settings_.keys_to_file);
        if (!keys) return tl::unexpected(keys.error());
        wireshark_.emplace(std::move(*keys));
    }
    std::error_code error;
    const bool exists = std::filesystem::exists(settings_.state_file, error);
    // With the file only, or a folder that is not mounted would look like a first start.
    if (settings_.new_state_file && !exists)
        std::filesystem::create_directory(settings_.state_file.parent_path(), error);
    auto numbers = ipsec::SequenceStore::open(
        settings_.state_file, settings_.new_state_file,
        [devices = devices_.get()](auto message) { return devices->sha256(message); });
    if (!numbers) {
        Error failed = numbers.error();
        if (!exists && !settings_.new_state_file)
            failed.remedy = "at the very first start, with keys that were never used, set "
                            "ipsec.new_state_file = on; else replace the keys of all SAs first";
        return tl::unexpected(std::move(failed));
    }
    if (settings_.new_state_file && exists)
        spdlog::warn("ipsec.new_state_file = on, though {} is there: switch it off, or the loss "
                     "of that file would go unnoticed",
                     settings_.state_file.string());
    numbers_ = std::move(*numbers);
    return {};
}

Expected<Protection::KeyOfSa> Protection::read_key(const std::string& tenant,
                                                   const config::SaSettings& sa) const {
    auto key = read_sa_key(tenant, sa);
    if (!key) return tl::unexpected(key.error());
    auto name = key_names_->name(*key);
    if (!name) return tl::unexpected(name.error());
    return KeyOfSa{std::move(*key), *name};
}

Expected<void> Protection::refuse_used(const std::string& tenant, const config::SaSettings& sa,
                                       const ipsec::Sha256& key_name, const Sas& others) const {
    const auto refuse = [&](const std::string& whose, const Sa& other) -> Expected<void> {
        const std::string place = sa_place(tenant, sa.name);
        if (other.key_name == key_name)
            return failure(
                fmt::format("its key is that of sa {} of tenant {}", other.settings.name, whose),
                fmt::format("{}: key file {}", place, sa.key_file.native()),
                "give each SA a key of its own, also in each direction: no nonce may "
                "come twice under one key");
        if (!other.is_outbound() && sa.direction == ipsec::Direction::inbound
            && other.settings.spi == sa.spi)
            return failure(fmt::format("its SPI {:#010x} is that of sa {} of tenant {}{}", sa.spi,
                                       other.settings.name, whose,
                                       other.is_retiring() ? ", which is retiring" : ""),
                           place, "a new SA needs a new SPI, on both ends");
        return {};
    };
    for (const auto& other : others)
        if (auto fresh = refuse(tenant, *other); !fresh) return fresh;
    for (const auto& [whose, sas] : tenants_)
        for (const auto& other : sas)
            if (auto fresh = refuse(whose, *other); !fresh) return fresh;
    return {};
}

Protection::Draft Protection::draft(const config::TenantSettings& tenant,
                                    const config::SaSettings& settings, KeyOfSa key,
                                    std::uint16_t worker) {
    ipsec::SaSettings wanted;
    wanted.name = tenant.name + "/" + settings.name;
    wanted.spi = settings.spi;
    wanted.direction = settings.direction;
    wanted.algorithm = settings.algorithm;
    wanted.key = std::move(key.key);
    wanted.mode = settings.mode;
    wanted.local = tenant.local_vtep;
    wanted.remote = settings.remote_vtep;
    wanted.inner_family = tenant.local_vtep.family;
    if (settings.udp_encapsulation) wanted.udp.emplace();
    wanted.esn = settings.esn;
    wanted.replay_window = settings.replay_window;
    wanted.soft = settings.soft;
    wanted.hard = settings.hard;
    auto sa = std::make_shared<Sa>(Sa{.settings = settings, .key_name = key.name});
    sa->worker = worker;
    return {std::move(sa), std::move(wanted)};
}

Expected<void> Protection::reserve_numbers(std::span<Draft> drafts) {
    std::vector<ipsec::SaSettings*> settings;
    Sas outbound;
    for (Draft& draft : drafts) {
        if (!draft.sa->is_outbound()) continue;
        settings.push_back(&draft.settings);
        outbound.push_back(draft.sa);
    }
    const auto reservations = numbers_->start(settings);
    if (!reservations) return tl::unexpected(reservations.error());
    for (std::size_t i = 0; i < outbound.size(); ++i)
        outbound[i]->reservation = (*reservations)[i];
    return {};
}

Expected<void> Protection::install(std::vector<Draft> drafts) {
    if (wireshark_)
        for (const Draft& draft : drafts)
            if (auto added = wireshark_->add(draft.settings); !added) return added;
    if (auto reserved = reserve_numbers(drafts); !reserved) return reserved;
    for (Draft& draft : drafts) {
        ipsec::EngineEnvironment environment{
            .devices = devices_.get(), .uplinks = {}, .worker = draft.sa->worker};
        for (const auto& uplink : uplinks_)
            environment.uplinks.push_back(uplink.get());
        auto installed =
            ipsec::install_sa(std::move(draft.settings), settings_.offload, environment);
        if (!installed) return tl::unexpected(installed.error());
        draft.sa->session = std::move(installed->session);
        draft.sa->choice = std::move(installed->choice);
    }
    return {};
}

void Protection::discard(Sa& sa) {
    if (sa.expiry != 0) loop_.cancel(std::exchange(sa.expiry, 0));
    if (sa.session != nullptr)
        gone_[static_cast<std::size_t>(sa.settings.direction)] += totals_of(sa.session->counters());
    sa.session.reset();
    if (sa.reservation) numbers_->finish(*sa.reservation);
    sa.reservation.reset();
}

std::uint16_t Protection::next_inbound_worker() {
    return static_cast<std::uint16_t>(next_inbound_worker_++ % workers_);
}

Expected<void> Protection::add(const config::TenantSettings& tenant) {
    if (tenant.sas.empty()) return {};
    Sas made;
    const auto bring_up = [&]() -> Expected<void> {
        if (auto opened = open(); !opened) return opened;
        std::map<net::IpAddress, std::uint16_t> outbound;
        std::vector<Draft> drafts;
        for (const config::SaSettings& settings : tenant.sas) {
            auto key = read_key(tenant.name, settings);
            if (!key) return tl::unexpected(key.error());
            if (auto fresh = refuse_used(tenant.name, settings, key->name, made); !fresh)
                return fresh;
            const bool is_outbound = settings.direction == ipsec::Direction::outbound;
            const auto worker =
                is_outbound
                    ? static_cast<std::uint16_t>(outbound[settings.remote_vtep]++ % workers_)
                    : next_inbound_worker();
            drafts.push_back(draft(tenant, settings, std::move(*key), worker));
            made.push_back(drafts.back().sa);
        }
        if (auto installed = install(std::move(drafts)); !installed) return installed;
        return give(tenant.name, made);
    };
    if (auto up = bring_up(); !up) {
        for (const auto& sa : made)
            discard(*sa);
        Error failed = up.error();
        if (failed.where.find(tenant.name) == std::string::npos)
            failed.where =
                "tenant " + tenant.name + (failed.where.empty() ? "" : ": " + failed.where);
        return tl::unexpected(std::move(failed));
    }
    spdlog::info("tenant {}: {} SAs up, the first on {} by {}", tenant.name, made.size(),
                 ipsec::to_string(made.front()->choice.engine), made.front()->choice.device);
    tenants_[tenant.name] = std::move(made);
    watch();
    return {};
}

Expected<void> Protection::give_inbound(const std::string& tenant, const Sa& sa) {
    const auto* const entry = state_.find_tenant(tenant);
    const auto* const vtep = state_.find_vtep(sa.settings.remote_vtep);
    if (entry == nullptr || vtep == nullptr)
        return failure("there is no row for it", sa_place(tenant, sa.settings.name));
    // Only a lookaside device's queue pair is one worker's from the start.
    std::optional<std::uint16_t> worker;
    if (sa.choice.engine == ipsec::Engine::lookaside) worker = sa.worker;
    return path_.add_inbound_sa(entry->row.id, vtep->id, sa.session, worker);
}

Expected<void> Protection::give_outbound(const std::string& tenant, const net::IpAddress& address,
                                         const Sas& sas) {
    const auto* const entry = state_.find_tenant(tenant);
    const auto* const vtep = state_.find_vtep(address);
    if (entry == nullptr || vtep == nullptr)
        return failure("there is no row for " + address.to_string(), "tenant " + tenant);
    std::vector<std::shared_ptr<ipsec::SaSession>> sessions;
    for (const auto& sa : sas)
        if (sa->is_outbound() && sa->settings.remote_vtep == address)
            sessions.push_back(sa->session);
    // A surplus one would share a worker's sequence of SAs for nothing.
    if (sessions.size() > workers_) sessions.resize(workers_);
    return path_.set_outbound_sas(entry->row.id, vtep->id, sessions);
}

Expected<void> Protection::give(const std::string& tenant, const Sas& sas) {
    const auto give_all = [&]() -> Expected<void> {
        for (const auto& sa : sas)
            if (!sa->is_outbound())
                if (auto given = give_inbound(tenant, *sa); !given) return given;
        std::set<net::IpAddress> vteps;
        for (const auto& sa : sas)
            if (sa->is_outbound()) vteps.insert(sa->settings.remote_vtep);
        for (const net::IpAddress& vtep : vteps)
            if (auto given = give_outbound(tenant, vtep, sas); !given) return given;
        return {};
    };
    auto given = give_all();
    if (!given) take(tenant, sas);
    return given;
}

void Protection::take(const std::string& tenant, const Sas& sas) {
    std::set<net::IpAddress> vteps;
    for (const auto& sa : sas)
        if (sa->is_outbound())
            vteps.insert(sa->settings.remote_vtep);
        else
            path_.remove_inbound_sa(sa->settings.spi);
    for (const net::IpAddress& vtep : vteps)
        if (auto taken = give_outbound(tenant, vtep, {}); !taken)
            spdlog::debug("tenant {}: {}", tenant, taken.error().message());
}

void Protection::withdraw(const std::string& tenant) {
    if (const auto found = tenants_.find(tenant); found != tenants_.end())
        take(tenant, found->second);
}

Expected<void> Protection::give_again(const std::string& tenant) {
    const auto found = tenants_.find(tenant);
    return found == tenants_.end() ? Expected<void>() : give(tenant, found->second);
}

void Protection::forget(const std::string& tenant) {
    const auto found = tenants_.find(tenant);
    if (found == tenants_.end()) return;
    for (const auto& sa : found->second)
        discard(*sa);
    tenants_.erase(found);
    watch();
}

} // namespace sallyport::control
