// SPDX-License-Identifier: BSD-3-Clause
// The server on a real socket, with its loop on a thread of its own.
#include "shell/server.h"
#include "shell_client/client.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

namespace sallyport::shell {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

/// A folder of its own for each test, removed with it.
class Folder {
  public:
    Folder() {
        std::string pattern = ::testing::TempDir() + "sallyport-shell-XXXXXX";
        path = ::mkdtemp(pattern.data());
    }
    ~Folder() { std::filesystem::remove_all(path); }
    std::filesystem::path path;
};

mode_t mode_of(const std::filesystem::path& path) {
    struct stat status {};
    EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
    return status.st_mode & 07777;
}

TEST(ListeningSocket, IsForItsOwnerOnlyAndGoesAway) {
    Folder folder;
    auto path = folder.path / "made" / "here" / "s.sock";
    mode_t old = ::umask(0);
    {
        auto socket = ListeningSocket::open(path);
        ::umask(old);
        ASSERT_TRUE(socket) << socket.error().message();
        EXPECT_EQ(mode_of(path), 0600U);
        EXPECT_EQ(mode_of(folder.path / "made"), 0700U);
        auto second = ListeningSocket::open(path);
        ASSERT_FALSE(second);
        EXPECT_THAT(second.error().message(), HasSubstr("in use by another process"));
    }
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(ListeningSocket, ReplacesAStaleSocketButNoOtherFile) {
    Folder folder;
    auto path = folder.path / "s.sock";
    {
        auto dead = ListeningSocket::open(path);
        ASSERT_TRUE(dead);
        // What a killed process leaves behind.
        std::filesystem::create_hard_link(path, folder.path / "left");
    }
    std::filesystem::rename(folder.path / "left", path);
    EXPECT_TRUE(ListeningSocket::open(path));

    std::ofstream(folder.path / "file") << "precious";
    auto refused = ListeningSocket::open(folder.path / "file");
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message(), HasSubstr("is no socket"));
    EXPECT_EQ(std::filesystem::file_size(folder.path / "file"), 8U);
}

TEST(ListeningSocket, RefusesAPathThatIsTooLong) {
    EXPECT_FALSE(ListeningSocket::open(std::string(108, 'x')));
    EXPECT_FALSE(connect_unix(std::string(108, 'x')));
    EXPECT_THAT(connect_unix("/nonexistent/s.sock").error().message(),
                HasSubstr("is sallyport running"));
}

class ServerTest : public ::testing::Test {
  protected:
    void SetUp() override {
        ::signal(SIGPIPE, SIG_IGN);
        loop = std::move(control::EventLoop::create().value());
        commands.add("echo <word:word>", "say it", [](const Arguments& a) -> Expected<Output> {
            return plain_text(a.word("word"));
        });
        commands.add("big <octets:word>", "much output",
                     [this](const Arguments& a) -> Expected<Output> {
                         ++big_runs;
                         return plain_text(std::string(std::stoul(a.word("octets")), 'x'));
                     });
        commands.add("quit", "stop", [](const Arguments&) -> Expected<Output> {
            return Output{.data = {}, .render = {}, .then = Then::stop_process};
        });
        start();
    }

    void start(std::chrono::milliseconds patience = Channel::default_patience) {
        server.reset();
        auto socket = ListeningSocket::open(path);
        ASSERT_TRUE(socket) << socket.error().message();
        server = std::move(
            Server::start(*loop, commands, std::move(*socket),
                          {.node = "hv1", .stop = [this] { loop->stop(); }, .patience = patience})
                .value());
    }

    void run() {
        thread = std::thread([this] { loop->run(); });
    }

    void TearDown() override {
        loop->stop();
        if (thread.joinable()) thread.join();
        server.reset();
    }

    std::size_t clients() {
        std::promise<std::size_t> count;
        loop->post([&] { count.set_value(server->clients()); });
        return count.get_future().get();
    }

    bool eventually(const std::function<bool()>& condition) {
        auto deadline = std::chrono::steady_clock::now() + 10s;
        while (!condition()) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            std::this_thread::sleep_for(5ms);
        }
        return true;
    }

    shell_client::Client connect() {
        return std::move(shell_client::Client::connect(path, protocol::Mode::command).value());
    }

    static std::string read_to_end(int fd) {
        std::string all;
        std::array<char, 4096> buffer{};
        pollfd waiting{fd, POLLIN, 0};
        while (::poll(&waiting, 1, 10000) > 0) {
            ssize_t count = ::read(fd, buffer.data(), buffer.size());
            if (count <= 0) break;
            all.append(buffer.data(), static_cast<std::size_t>(count));
        }
        return all;
    }

    Folder folder;
    std::filesystem::path path = folder.path / "s.sock";
    std::unique_ptr<control::EventLoop> loop;
    CommandSet commands;
    std::unique_ptr<Server> server;
    std::thread thread;
    std::atomic<int> big_runs{0};
};

TEST_F(ServerTest, AnswersSeveralClients) {
    run();
    auto one = connect();
    auto two = connect();
    EXPECT_EQ(one.run("echo a")->text, "a\n");
    EXPECT_EQ(two.run("echo b")->text, "b\n");
    auto wrong = one.run("nonsense");
    ASSERT_TRUE(wrong);
    EXPECT_FALSE(wrong->done);
    EXPECT_EQ(one.run("echo c")->text, "c\n");
}

TEST_F(ServerTest, SendsALargeAnswerWhole) {
    run();
    auto client = connect();
    auto answer = client.run("big 20000000");
    ASSERT_TRUE(answer) << answer.error().message();
    EXPECT_EQ(answer->text.size(), 20000001U);
    auto too_large = client.run("big 70000000");
    ASSERT_TRUE(too_large);
    EXPECT_FALSE(too_large->done);
}

TEST_F(ServerTest, AClientThatDoesNotReadBlocksNobodyAndIsGivenUp) {
    start(300ms);
    run();
    auto lazy = connect();
    std::string many;
    for (int i = 0; i < 100; ++i)
        many += "big 10000000\n";
    ASSERT_GT(::send(lazy.fd(), many.data(), many.size(), MSG_NOSIGNAL), 0);
    ASSERT_TRUE(eventually([this] { return big_runs == 1; }));
    auto other = connect();
    EXPECT_EQ(other.run("echo a")->text, "a\n");
    // Only one answer was made: what follows waits for the client to read.
    EXPECT_EQ(big_runs, 1);
    EXPECT_TRUE(eventually([this] { return clients() == 1; }));
    EXPECT_EQ(big_runs, 1);
    EXPECT_EQ(other.run("echo b")->text, "b\n");
}

TEST_F(ServerTest, TheNextCommandWaitsUntilTheAnswerIsTaken) {
    run();
    auto slow = connect();
    std::string many = "big 10000000\nbig 10000000\n";
    ASSERT_GT(::send(slow.fd(), many.data(), many.size(), MSG_NOSIGNAL), 0);
    std::vector<char> octets(1 << 20);
    std::size_t taken = 0;
    while (taken < std::size_t{5} << 20) {
        ssize_t count = ::recv(slow.fd(), octets.data(), octets.size(), 0);
        ASSERT_GT(count, 0);
        taken += static_cast<std::size_t>(count);
        // Behind what the loop did about the room that is now there.
        ASSERT_EQ(clients(), 1U);
        ASSERT_EQ(big_runs, 1);
    }
    while (taken < 20000000) {
        ssize_t count = ::recv(slow.fd(), octets.data(), octets.size(), 0);
        ASSERT_GT(count, 0);
        taken += static_cast<std::size_t>(count);
    }
    EXPECT_EQ(big_runs, 2);
}

TEST_F(ServerTest, CommandsBeforeAHalfCloseAreAnswered) {
    run();
    auto client = connect();
    ASSERT_EQ(::send(client.fd(), "echo a\necho b\n", 14, 0), 14);
    ::shutdown(client.fd(), SHUT_WR);
    EXPECT_EQ(read_to_end(client.fd()), "ok 2\na\nok 2\nb\n");
    EXPECT_TRUE(eventually([this] { return clients() == 0; }));
}

TEST_F(ServerTest, HostileClientsAreSentAwayAndOthersServed) {
    run();
    for (std::string_view garbage : {std::string_view("GET / HTTP/1.1\r\n\r\n"),
                                     std::string_view("\0\0\0\0\n", 5), std::string_view("\n")}) {
        auto fd = connect_unix(path);
        ASSERT_TRUE(fd);
        ASSERT_GT(::send(fd->get(), garbage.data(), garbage.size(), MSG_NOSIGNAL), 0);
        EXPECT_THAT(read_to_end(fd->get()), HasSubstr("error: this is no sallyport-shell"));
    }
    auto endless = connect_unix(path);
    ASSERT_TRUE(endless);
    std::string octets(100000, 'x');
    static_cast<void>(::send(endless->get(), octets.data(), octets.size(), MSG_NOSIGNAL));
    static_cast<void>(read_to_end(endless->get()));
    EXPECT_TRUE(eventually([this] { return clients() == 0; }));
    EXPECT_EQ(connect().run("echo a")->text, "a\n");
}

TEST_F(ServerTest, BoundsTheNumberOfClients) {
    run();
    std::vector<shell_client::Client> clients;
    for (std::size_t i = 0; i < Server::most_clients; ++i)
        clients.push_back(connect());
    auto refused = shell_client::Client::connect(path, protocol::Mode::command);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message(), HasSubstr("64 clients already"));
    clients.pop_back();
    ASSERT_TRUE(eventually([this] { return this->clients() < Server::most_clients; }));
    EXPECT_EQ(connect().run("echo a")->text, "a\n");
}

TEST_F(ServerTest, QuitStopsTheLoopAfterTheAnswer) {
    run();
    auto client = connect();
    auto answer = client.run("quit");
    ASSERT_TRUE(answer);
    EXPECT_TRUE(answer->done);
    thread.join();
}

TEST_F(ServerTest, QuitHoldsWhereTheClientIsGone) {
    run();
    std::promise<void> gone;
    {
        auto client = connect();
        // The loop waits until the client is gone, so that the answer cannot be sent.
        loop->post([held = gone.get_future().share()] { held.wait(); });
        ASSERT_EQ(::send(client.fd(), "quit\n", 5, 0), 5);
    }
    gone.set_value();
    thread.join();
}

} // namespace
} // namespace sallyport::shell
