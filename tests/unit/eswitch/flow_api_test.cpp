// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/flow_api.h"

#include <cerrno>

#include <gtest/gtest.h>

namespace sallyport::eswitch {
namespace {

TEST(DescribeTest, ADriversWordsComeFirstAndTheErrnoBehind) {
    rte_flow_error error{};
    error.message = "cannot hold the definer";
    EXPECT_EQ(describe(error, -E2BIG), "cannot hold the definer (Argument list too long)");
    error.message = nullptr;
    EXPECT_EQ(describe(error, -EBUSY), "Device or resource busy");
}

} // namespace
} // namespace sallyport::eswitch
