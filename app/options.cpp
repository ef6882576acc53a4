// SPDX-License-Identifier: BSD-3-Clause
#include "options.h"

#include <algorithm>
#include <sstream>

#include <boost/program_options.hpp>

namespace sallyport {

namespace po = boost::program_options;

namespace {

po::options_description description() {
    po::options_description options("Options");
    options.add_options()("config", po::value<std::string>()->value_name("FILE"),
                          "main config file (default /etc/sallyport/sallyport.conf)")(
        "tenants", po::value<std::string>()->value_name("DIR"),
        "folder of tenant files; wins over tenants.directory in the main file")(
        "interactive,i", "shell on this terminal")(
        "check-config", "check the config, print all complaints, and exit; needs no privilege")(
        "help,h", "this text")("version", "versions of Sallyport and DPDK");
    return options;
}

Options to_options(const po::variables_map& values) {
    Options options;
    if (values.contains("config")) options.config = values["config"].as<std::string>();
    if (values.contains("tenants")) options.tenants = values["tenants"].as<std::string>();
    options.interactive = values.contains("interactive");
    options.check_config = values.contains("check-config");
    options.help = values.contains("help");
    options.version = values.contains("version");
    return options;
}

} // namespace

Expected<Options> parse_options(const std::vector<std::string>& arguments) {
    auto separator = std::find(arguments.begin(), arguments.end(), "--");
    bool separated = separator != arguments.end();
    std::vector<std::string> eal(arguments.begin(), separated ? separator : arguments.begin());
    std::vector<std::string> ours(separated ? separator + 1 : arguments.begin(), arguments.end());
    try {
        po::variables_map values;
        // Abbreviations would break with the next option added.
        auto style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
        po::store(
            po::command_line_parser(ours).options(description()).positional({}).style(style).run(),
            values);
        Options options = to_options(values);
        options.eal_arguments = std::move(eal);
        return options;
    } catch (const po::error& error) {
        return failure(error.what(), "command line",
                       separated ? "see --help"
                                 : "see --help; EAL options stand before '--': "
                                   "sallyport [EAL options] -- [options]");
    }
}

std::string options_help() {
    std::ostringstream text;
    text << "Usage: sallyport [EAL options] -- [options]\n\n"
            "Carries the traffic of virtual machines over VXLAN. The EAL options are DPDK's; "
            "without any,\none control and one worker lcore are used, and memory without "
            "hugepages where none can be used.\nWithout '--' all options are Sallyport's own.\n\n"
         << description();
    return text.str();
}

} // namespace sallyport
