// SPDX-License-Identifier: BSD-3-Clause
#include "ipsec/crypto_devices.h"

#include "ipsec/known_answer.h"

#include <algorithm>
#include <cerrno>

#include <rte_cryptodev.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_mempool.h>
#include <rte_version.h>

namespace sallyport::ipsec {

namespace {

/// The first that runs an algorithm is taken. Both do AES-GCM; crypto_aesni_gcm costs 15 to 50
/// cycles a packet less at all sizes (tests/bench/ipsec_bench.cpp), all else only crypto_aesni_mb
/// does.
constexpr std::array<const char*, 2> drivers{"crypto_aesni_gcm", "crypto_aesni_mb"};
/// So that devices an operator names in EAL's options are not ours.
constexpr std::string_view suffix = "_sallyport";

constexpr const char* package =
#if RTE_VERSION >= RTE_VERSION_NUM(24, 11, 0, 0)
    "librte-crypto-ipsec-mb25";
#else
    "librte-crypto-ipsec-mb23";
#endif

constexpr unsigned queue_pair_size = 256;

bool has(const std::vector<Algorithm>& algorithms, Algorithm algorithm) {
    return std::find(algorithms.begin(), algorithms.end(), algorithm) != algorithms.end();
}

bool advertises(std::uint8_t device, const AlgorithmInfo& suite) {
    rte_cryptodev_sym_capability_idx index{};
    if (suite.is_aead()) {
        index.type = RTE_CRYPTO_SYM_XFORM_AEAD;
        index.algo.aead = suite.aead;
        const auto* found = rte_cryptodev_sym_capability_get(device, &index);
        return found != nullptr
               && rte_cryptodev_sym_capability_check_aead(
                      found, suite.cipher_key, suite.icv, 8,
                      static_cast<std::uint16_t>(suite.salt + suite.iv))
                      == 0;
    }
    index.type = RTE_CRYPTO_SYM_XFORM_CIPHER;
    index.algo.cipher = suite.cipher;
    const auto* const cipher = rte_cryptodev_sym_capability_get(device, &index);
    index.type = RTE_CRYPTO_SYM_XFORM_AUTH;
    index.algo.auth = suite.authentication;
    const auto* const authentication = rte_cryptodev_sym_capability_get(device, &index);
    return cipher != nullptr && authentication != nullptr
           && rte_cryptodev_sym_capability_check_cipher(cipher, suite.cipher_key, suite.iv) == 0
           && rte_cryptodev_sym_capability_check_auth(authentication, suite.authentication_key,
                                                      suite.icv, 0)
                  == 0;
}

bool makes_sessions(std::uint8_t device, const AlgorithmInfo& suite, rte_mempool* pool) {
    const Secret key(suite.key_material());
    Xform xform(suite.algorithm, Direction::outbound, key, false, 0);
    return CryptoSession::create(device, xform.first(), pool).has_value();
}

rte_cryptodev_info information(std::uint8_t device) {
    rte_cryptodev_info info{};
    rte_cryptodev_info_get(device, &info);
    return info;
}

std::string list(const std::vector<Algorithm>& algorithms) {
    std::string text;
    for (const Algorithm algorithm : algorithms)
        text += (text.empty() ? "" : ", ") + std::string(to_string(algorithm));
    return text;
}

} // namespace

void CryptoDevices::FreePool::operator()(rte_mempool* pool) const {
    rte_mempool_free(pool);
}

Expected<std::unique_ptr<CryptoDevices>> CryptoDevices::open(const CryptoSettings& settings) {
    std::unique_ptr<CryptoDevices> devices(new CryptoDevices(settings));
    devices->make_devices();
    devices->find_devices();
    if (auto made = devices->make_pool(); !made) return tl::unexpected(made.error());
    for (Device& device : devices->devices_) {
        devices->start(device);
        devices->try_out(device);
    }
    return devices;
}

CryptoDevices::~CryptoDevices() {
    for (Device& device : devices_) {
        device.probe.reset();
        if (device.started) rte_cryptodev_stop(device.id);
        if (device.made) rte_eal_hotplug_remove("vdev", device.name.c_str());
    }
}

void CryptoDevices::make_devices() {
    const std::string arguments =
        "max_nb_queue_pairs=" + std::to_string(std::max<unsigned>(settings_.workers, 1));
    for (const char* const driver : drivers) {
        const std::string name = std::string(driver) + std::string(suffix);
        const int error = rte_eal_hotplug_add("vdev", name.c_str(), arguments.c_str());
        const int id = error == 0 ? rte_cryptodev_get_dev_id(name.c_str()) : -1;
        if (id >= 0) {
            devices_.push_back({static_cast<std::uint8_t>(id), name, true, false, {}, {}, {}});
            continue;
        }
        if (error == 0) rte_eal_hotplug_remove("vdev", name.c_str());
        missing_ += (missing_.empty() ? "" : "; ") + std::string(driver) + ": "
                    + (error == -EEXIST ? "made already by this process"
                                        : rte_strerror(error == 0 ? ENODEV : -error));
    }
    if (!devices_.empty()) missing_.clear();
}

void CryptoDevices::find_devices() {
    for (unsigned id = 0; id < RTE_CRYPTO_MAX_DEVS; ++id) {
        const auto device = static_cast<std::uint8_t>(id);
        const bool ours = std::any_of(devices_.begin(), devices_.end(),
                                      [&](const Device& known) { return known.id == id; });
        if (ours || rte_cryptodev_is_valid_dev(device) == 0) continue;
        devices_.push_back({device, rte_cryptodev_name_get(device), false, false, {}, {}, {}});
    }
}

Expected<void> CryptoDevices::make_pool() {
    unsigned largest = 0;
    for (const Device& device : devices_)
        largest = std::max(largest, rte_cryptodev_sym_get_private_session_size(device.id));
    static unsigned instances = 0;
    const std::string name = "ipsec_sessions" + std::to_string(instances++);
    // Two of each SA for a rekey, and those of the self-test.
    pool_.reset(rte_cryptodev_sym_session_pool_create(name.c_str(), settings_.sessions + 8, largest,
                                                      0, 0, SOCKET_ID_ANY));
    if (!pool_)
        return failure("no memory for " + std::to_string(settings_.sessions)
                           + " sessions of crypto devices: " + rte_strerror(rte_errno),
                       "ipsec", "give the process more memory (EAL option -m)");
    return {};
}

/// A device that cannot be started has no queue pairs: it counts as one that can do nothing.
void CryptoDevices::start(Device& device) {
    rte_cryptodev_config configuration{};
    configuration.socket_id = SOCKET_ID_ANY;
    configuration.nb_queue_pairs = std::max<std::uint16_t>(settings_.workers, 1);
    configuration.ff_disable = RTE_CRYPTODEV_FF_ASYMMETRIC_CRYPTO;
    if (information(device.id).max_nb_queue_pairs < configuration.nb_queue_pairs) return;
    if (rte_cryptodev_configure(device.id, &configuration) != 0) return;
    rte_cryptodev_qp_conf queue{};
    queue.nb_descriptors = queue_pair_size;
    queue.mp_session = pool_.get();
    for (std::uint16_t pair = 0; pair < configuration.nb_queue_pairs; ++pair)
        if (rte_cryptodev_queue_pair_setup(device.id, pair, &queue, SOCKET_ID_ANY) != 0) return;
    device.started = rte_cryptodev_start(device.id) == 0;
}

void CryptoDevices::try_out(Device& device) {
    const std::uint64_t features = information(device.id).feature_flags;
    for (const AlgorithmInfo& suite : algorithms()) {
        if (!advertises(device.id, suite)) continue;
        if (device.made && (features & RTE_CRYPTODEV_FF_SYM_CPU_CRYPTO) != 0
            && passes_known_answer(device.id, suite.algorithm, pool_.get()))
            device.on_cpu.push_back(suite.algorithm);
        if (device.started && makes_sessions(device.id, suite, pool_.get()))
            device.lookaside.push_back(suite.algorithm);
    }
    if (!device.on_cpu.empty()) make_probe(device);
}

/// A device without AES-GCM gets none and is not used on the CPU.
void CryptoDevices::make_probe(Device& device) {
    const Secret key(info(Algorithm::aes_128_gcm).key_material());
    Xform xform(Algorithm::aes_128_gcm, Direction::outbound, key, false, 0);
    auto session = CryptoSession::create(device.id, xform.first(), pool_.get());
    if (session) device.probe = std::make_unique<ThreadProbe>(std::move(*session));
    if (!device.probe || !device.probe->works_here()) device.on_cpu.clear();
}

const ThreadProbe* CryptoDevices::probe(std::uint8_t id) const {
    for (const Device& device : devices_)
        if (device.id == id) return device.probe.get();
    return nullptr;
}

bool CryptoDevices::runs_on_cpu(std::uint8_t id, Algorithm algorithm) const {
    return std::any_of(devices_.begin(), devices_.end(), [&](const Device& device) {
        return device.id == id && has(device.on_cpu, algorithm);
    });
}

Expected<std::uint8_t> CryptoDevices::cpu_device(Algorithm algorithm) const {
    for (const Device& device : devices_)
        if (has(device.on_cpu, algorithm)) return device.id;
    if (!missing_.empty())
        return failure("DPDK's crypto driver of Intel's Multi-Buffer library is missing ("
                           + missing_ + ")",
                       "ipsec on the CPU", std::string("install ") + package);
    return failure("no device runs " + std::string(to_string(algorithm)) + " on this CPU",
                   "ipsec on the CPU", "choose another algorithm");
}

Expected<std::uint8_t> CryptoDevices::lookaside_device(Algorithm algorithm, bool any) const {
    for (const Device& device : devices_) {
        const bool hardware =
            (information(device.id).feature_flags & RTE_CRYPTODEV_FF_HW_ACCELERATED) != 0;
        if ((!device.made && (hardware || any)) && has(device.lookaside, algorithm))
            return device.id;
    }
    for (const Device& device : devices_)
        if (any && has(device.lookaside, algorithm)) return device.id;
    return failure(
        "no crypto device with " + std::to_string(settings_.workers) + " queue pairs and "
            + std::string(to_string(algorithm)),
        "ipsec lookaside",
        "add one to EAL's options, as in --vdev crypto_openssl or -a with a PCI address");
}

std::vector<std::string> CryptoDevices::descriptions() const {
    std::vector<std::string> lines;
    for (const Device& device : devices_)
        lines.push_back(
            device.name + ": "
            + (device.on_cpu.empty() ? "nothing on the CPU" : "on the CPU " + list(device.on_cpu))
            + (device.lookaside.empty() ? "" : "; lookaside " + list(device.lookaside)));
    return lines;
}

Expected<Sha256> CryptoDevices::sha256(std::span<std::uint8_t> message) const {
    rte_crypto_sym_xform xform{};
    xform.type = RTE_CRYPTO_SYM_XFORM_AUTH;
    xform.auth.op = RTE_CRYPTO_AUTH_OP_GENERATE;
    xform.auth.algo = RTE_CRYPTO_AUTH_SHA256;
    xform.auth.digest_length = sizeof(Sha256);
    alignas(16) std::array<std::uint8_t, 16> iv{}, aad{};
    rte_cryptodev_sym_capability_idx wanted{};
    wanted.type = RTE_CRYPTO_SYM_XFORM_AUTH;
    wanted.algo.auth = RTE_CRYPTO_AUTH_SHA256;
    for (const Device& device : devices_) {
        // Unasked, the driver of one that has none writes errors into the log.
        if (device.on_cpu.empty()
            || rte_cryptodev_sym_capability_get(device.id, &wanted) == nullptr)
            continue;
        const auto session = CryptoSession::create(device.id, &xform, pool_.get());
        if (!session) continue;
        Sha256 digest{};
        if (run_on_cpu(*session, {message, 0, iv.data(), aad.data(), digest.data()})) return digest;
    }
    return failure("no crypto device does SHA-256", "ipsec", std::string("install ") + package);
}

} // namespace sallyport::ipsec
