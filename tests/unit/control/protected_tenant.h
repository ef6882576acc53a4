// SPDX-License-Identifier: BSD-3-Clause
// A controller with keys in files, and everything that it logs.
#pragma once

#include "controller_fixture.h"

#include <memory>
#include <sstream>
#include <string>

#include <spdlog/logger.h>

namespace sallyport::control::fakes {

class ProtectionTest : public ControllerTest {
  protected:
    void SetUp() override;
    void TearDown() override;

    /// A key of 20 octets, all @p octet but the last, as text.
    static std::string key_text(const std::string& octet);
    /// Writes a key file, mode 0600.
    std::filesystem::path key_file(const std::string& name, const std::string& octet);
    /// Section [sa.NAME] to 192.0.2.2 with key file NAME.
    std::string sa(const std::string& name, const std::string& direction, const std::string& spi,
                   const std::string& more = {});
    /// A tenant "red", protected, of mtu 1400.
    static std::string protected_red(const std::string& sas);
    /// Settings with a state file in the test's folder.
    config::Settings settings();
    /// SA of that name; a failure where there is none.
    SaReport report(const std::string& name);
    [[nodiscard]] bool has(const std::string& name) const;
    /// No key of this test is in the text.
    static void expect_no_key(const std::string& text);

    std::ostringstream log;

  private:
    std::shared_ptr<spdlog::logger> before_;
};

} // namespace sallyport::control::fakes
