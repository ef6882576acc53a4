// SPDX-License-Identifier: BSD-3-Clause
#include "protected_tenant.h"

#include <algorithm>
#include <fstream>

#include <fmt/format.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

namespace sallyport::control::fakes {
namespace {

constexpr const char* octets_of_keys[] = {"a1", "b2", "c3", "d4", "e5"};

} // namespace

void ProtectionTest::SetUp() {
    ControllerTest::SetUp();
    before_ = spdlog::default_logger();
    auto logger = std::make_shared<spdlog::logger>(
        "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log));
    logger->set_level(spdlog::level::trace);
    spdlog::set_default_logger(logger);
}

void ProtectionTest::TearDown() {
    ControllerTest::TearDown();
    spdlog::set_default_logger(before_);
    expect_no_key(log.str());
}

std::string ProtectionTest::key_text(const std::string& octet) {
    std::string text;
    for (int i = 0; i < 19; ++i)
        text += octet;
    return text + "77";
}

std::filesystem::path ProtectionTest::key_file(const std::string& name, const std::string& octet) {
    auto path = folder / name;
    std::ofstream(path) << key_text(octet) << '\n';
    EXPECT_EQ(::chmod(path.c_str(), 0600), 0);
    return path;
}

std::string ProtectionTest::sa(const std::string& name, const std::string& direction,
                               const std::string& spi, const std::string& more) {
    return fmt::format("[sa.{}]\ndirection = {}\nremote_vtep = 192.0.2.2\nspi = {}\n"
                       "key_file = {}\n{}",
                       name, direction, spi, (folder / name).native(), more);
}

std::string ProtectionTest::protected_red(const std::string& sas) {
    return "mtu = 1400\nprotection = ipsec\n" + red_text + sas;
}

config::Settings ProtectionTest::settings() {
    config::Settings settings = two_uplinks();
    settings.ipsec.state_file = folder / "numbers";
    settings.ipsec.new_state_file = true;
    return settings;
}

SaReport ProtectionTest::report(const std::string& name) {
    for (const SaReport& sa : controller->ipsec().sas)
        if (sa.settings.name == name) return sa;
    ADD_FAILURE() << "no SA " << name;
    return {};
}

bool ProtectionTest::has(const std::string& name) const {
    const auto sas = controller->ipsec().sas;
    return std::any_of(sas.begin(), sas.end(),
                       [&](const SaReport& sa) { return sa.settings.name == name; });
}

void ProtectionTest::expect_no_key(const std::string& text) {
    for (const std::string octet : octets_of_keys)
        EXPECT_EQ(text.find(octet + octet + octet), std::string::npos) << text;
}

} // namespace sallyport::control::fakes
