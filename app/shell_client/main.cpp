// SPDX-License-Identifier: BSD-3-Clause
// sallyport-shell: the shell of a running sallyport, on its Unix socket.
#include "shell_client/client.h"

#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include <boost/program_options.hpp>

namespace sallyport::shell_client {

namespace {

namespace po = boost::program_options;

/// As documented in docs/commands.md.
enum class ExitCode : int { done = 0, failed = 1, usage = 2, no_connection = 3 };

struct Options {
    std::string socket = "/run/sallyport/sallyport.sock";
    std::string script;
    std::vector<std::string> command;
    bool help = false;
    bool version = false;
};

po::options_description visible_options() {
    po::options_description options("Options");
    options.add_options()("socket", po::value<std::string>()->value_name("PATH"),
                          "the process's shell.socket (default /run/sallyport/sallyport.sock)")(
        "script", po::value<std::string>()->value_name("FILE"),
        "commands from a file, - for standard input; stops at the first that fails")(
        "help,h", "this text")("version", "version of Sallyport");
    return options;
}

Expected<Options> parse_options(int argc, char** argv) {
    po::options_description all = visible_options();
    all.add_options()("command", po::value<std::vector<std::string>>());
    po::positional_options_description positional;
    positional.add("command", -1);
    try {
        po::variables_map values;
        auto style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
        po::store(po::command_line_parser(argc, argv)
                      .options(all)
                      .positional(positional)
                      .style(style)
                      .run(),
                  values);
        Options options;
        if (values.contains("socket")) options.socket = values["socket"].as<std::string>();
        if (values.contains("script")) options.script = values["script"].as<std::string>();
        if (values.contains("command"))
            options.command = values["command"].as<std::vector<std::string>>();
        options.help = values.contains("help");
        options.version = values.contains("version");
        if (!options.script.empty() && !options.command.empty())
            return failure("a command and --script together", "", "give one of them");
        return options;
    } catch (const po::error& error) {
        return failure(error.what(), "", "see --help");
    }
}

ExitCode complain(ExitCode code, const Error& error, const std::string& where = {}) {
    std::cerr << "sallyport-shell: " << where << error.message() << '\n';
    return code;
}

/// @param where put before an error message: the script's line
ExitCode run_line(Client& client, const std::string& line, const std::string& where) {
    auto answer = client.run(line);
    if (!answer) return complain(ExitCode::failed, answer.error(), where);
    std::ostream& stream = answer->done ? std::cout : std::cerr;
    stream << (answer->done ? "" : where) << answer->text << std::flush;
    return answer->done ? ExitCode::done : ExitCode::failed;
}

bool is_last_command(const std::string& line) {
    std::size_t begin = line.find_first_not_of(" \t");
    if (begin == std::string::npos) return false;
    std::string word = line.substr(begin, line.find_first_of(" \t#\r", begin) - begin);
    return word == "exit" || word == "quit";
}

ExitCode run_script(Client& client, const std::string& name) {
    std::ifstream file;
    if (name != "-") {
        file.open(name);
        if (!file)
            return complain(ExitCode::usage, {"cannot open the script", name, "check the path"});
    }
    std::istream& lines = name == "-" ? std::cin : file;
    std::string line;
    for (unsigned number = 1; std::getline(lines, line); ++number) {
        ExitCode code = run_line(client, line, name + ":" + std::to_string(number) + ": ");
        if (code != ExitCode::done) return code;
        // The process has closed the connection; what follows cannot be run.
        if (is_last_command(line)) break;
    }
    return ExitCode::done;
}

ExitCode start(const Options& options) {
    bool interactive = options.script.empty() && options.command.empty();
    auto line = to_command_line(options.command);
    if (!line) return complain(ExitCode::usage, line.error());
    auto client = Client::connect(options.socket, interactive ? shell::protocol::Mode::interactive
                                                              : shell::protocol::Mode::command);
    if (!client) return complain(ExitCode::no_connection, client.error());
    if (!interactive)
        return options.script.empty() ? run_line(*client, *line, "")
                                      : run_script(*client, options.script);
    if (auto ended = interact(*client); !ended) return complain(ExitCode::failed, ended.error());
    return ExitCode::done;
}

} // namespace

} // namespace sallyport::shell_client

int main(int argc, char** argv) {
    using namespace sallyport::shell_client;
    auto options = parse_options(argc, argv);
    if (!options) return static_cast<int>(complain(ExitCode::usage, options.error()));
    if (options->help) {
        std::cout << "Usage: sallyport-shell [options] [COMMAND ...]\n\n"
                     "Runs COMMAND, or the commands of a script, or an interactive shell.\n"
                     "Exit status: 0 done, 1 a command failed, 2 usage, 3 cannot connect.\n\n"
                  << visible_options();
        return 0;
    }
    if (options->version) {
        std::cout << "sallyport-shell " << SALLYPORT_VERSION << '\n';
        return 0;
    }
    return static_cast<int>(start(*options));
}
