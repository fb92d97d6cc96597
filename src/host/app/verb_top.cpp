// marquee top: the boards of a running marquee, or of an output topic, in the terminal.

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

#include "app/api_feed.hpp"
#include "app/boards_view.hpp"
#include "app/config_values.hpp"
#include "app/console_log.hpp"
#include "app/kafka_sections.hpp"
#include "app/stop_signal.hpp"
#include "app/token_file.hpp"
#include "app/topic_feed.hpp"
#include "app/usage.hpp"
#include "app/verbs.hpp"
#include "pipeline/pause.hpp"
#include "serve/query.hpp"

namespace marquee {
namespace {

struct TopOptions {
  ConfigOptions config;
  std::string url, token_file, brokers, topic;
  std::string leaderboard, group, filter;
  std::string interval = "1s";
  bool once = false, json = false, no_color = false;
};

// Sentences of librdkafka would stand in the middle of the boards; what matters of them the feed says.
struct NoLog final : Log {
  void write(Level, std::string_view) override {}
};

// "http://host:port", with or without a slash behind; port 80 where none is given.
Result<ListenAddress> address_of(std::string_view url) {
  const std::string whole(url);
  const Status wrong(Code::kUsage, "--url is http://HOST:PORT, and not " + whole);
  if (url.starts_with("https://")) {
    return Status{Code::kUsage, "--url: marquee speaks plain HTTP; ask what stands before it on its own address"};
  }
  constexpr std::string_view kScheme = "http://";
  if (url.starts_with(kScheme)) url.remove_prefix(kScheme.size());
  if (url.ends_with('/')) url.remove_suffix(1);
  if (url.empty() || url.find_first_of("/?#@") != std::string_view::npos) return wrong;
  const bool has_port =
      url.find(':', url.find(']') == std::string_view::npos ? 0 : url.find(']')) != std::string_view::npos;
  const std::optional<ListenAddress> address = parse_listen(std::string(url) + (has_port ? "" : ":80"));
  return address ? Result<ListenAddress>(*address) : Result<ListenAddress>(wrong);
}

int show_json(RemoteFeed& feed, const TopOptions& options, std::chrono::milliseconds interval,
              const std::atomic<bool>& stop) {
  std::string before;
  while (!stop.load()) {
    const Result<std::string> json = feed.json();
    if (!json.ok()) return report(json.status());
    if (json.value() != before) {
      before = json.value();
      if (std::fwrite(before.data(), 1, before.size(), stdout) != before.size() || std::fflush(stdout) != 0) {
        return report({Code::kUnavailable, "standard output cannot be written"});
      }
    }
    if (options.once) return 0;
    pause(stop, interval);
  }
  return 0;
}

int show_once(BoardsView& view, const BoardsViewOptions& options) {
  const Frame frame = view.frame_now();
  std::string out;
  if (options.terminal) {
    out = render(frame, terminal_size(options.out_fd).width - 1, SIZE_MAX, options.color) + '\n';
  } else {
    out = status_line(frame);
    if (!out.empty()) out += '\n';
    for (const FrameBoard& board : frame.boards) out += board_lines(board, frame.utc_offset_ms, SIZE_MAX);
    if (frame.boards.empty()) out += frame.empty + '\n';
  }
  return view.write(out) ? 0 : report({Code::kUnavailable, "standard output cannot be written"});
}

Result<std::unique_ptr<RemoteFeed>> make_feed(const TopOptions& options, const Config& config,
                                              std::chrono::milliseconds interval, Log& log) {
  if (!options.topic.empty() || !options.brokers.empty()) {
    if (!options.url.empty() || !options.token_file.empty()) {
      return Status{Code::kUsage,
                    "--brokers and --topic read a topic, --url and --token-file ask a server: choose one"};
    }
    std::optional<std::vector<std::string>> group;
    if (!options.group.empty()) {
      group = parse_group(options.group);
      if (!group) return Status{Code::kUsage, "--group is neither a plain value nor a JSON array of strings"};
    }
    TopicTailConfig topic;
    topic.brokers = options.brokers.empty() ? kafka_sink_config(config).brokers : options.brokers;
    topic.topic = options.topic.empty() ? config.sink.topic : options.topic;
    topic.extra = connection_settings(config.sink.kafka);
    return std::unique_ptr<RemoteFeed>(
        std::make_unique<TopicFeed>(std::move(topic), options.leaderboard, std::move(group), log));
  }
  ApiFeedOptions api;
  const Result<ListenAddress> address = address_of(options.url.empty() ? config.http.listen : options.url);
  if (!address.ok()) return address.status();
  api.address = address.value();
  const std::string token_file = options.token_file.empty() ? config.http.token_file : options.token_file;
  if (!token_file.empty()) {
    Result<std::string> token = read_token(token_file);
    if (!token.ok()) return token.status();
    api.token = std::move(token.value());
  }
  api.leaderboard = options.leaderboard;
  api.group = options.group;
  api.interval = interval;
  return std::unique_ptr<RemoteFeed>(std::make_unique<ApiFeed>(std::move(api)));
}

int run_top(const TopOptions& options) {
  const std::optional<std::int64_t> interval = parse_duration_ms(options.interval);
  if (!interval || *interval < 100) {
    return report(
        {Code::kUsage, "--interval must be a duration from 100ms on, such as 2s, and not " + options.interval});
  }
  const std::optional<Config> config = load_or_complain(options.config, {.topic = false, .job = false});
  if (!config) return static_cast<int>(Code::kConfig);
  BoardsViewOptions view_options;
  view_options.terminal = is_terminal(STDOUT_FILENO);
  view_options.color = wants_color(STDOUT_FILENO, options.no_color);
  view_options.leaderboard = options.leaderboard;
  view_options.filter = options.filter;
  view_options.refresh = std::chrono::milliseconds(std::min<std::int64_t>(*interval, 400));
  view_options.plain_status = std::chrono::milliseconds(std::max<std::int64_t>(*interval, 5'000));
  if (view_options.terminal && !options.once && is_terminal(STDIN_FILENO)) view_options.in_fd = STDIN_FILENO;

  const std::atomic<bool>& stop = stop_on_signals(&TerminalScreen::restore);
  NoLog log;
  Result<std::unique_ptr<RemoteFeed>> made = make_feed(options, *config, std::chrono::milliseconds(*interval), log);
  if (!made.ok()) return report(made.status());
  RemoteFeed& feed = *made.value();
  if (options.once || options.json) {
    if (const Status s = feed.wait(stop); !s.ok()) return report(s);
  }
  if (options.json) return show_json(feed, options, std::chrono::milliseconds(*interval), stop);
  BoardsView view(feed, view_options);
  if (options.once) return show_once(view, view_options);
  return view.run([&] { return stop.load(); }) ? 0 : report({Code::kUnavailable, "standard output cannot be written"});
}

}  // namespace

void add_top(CLI::App& app, Action& action) {
  auto options = std::make_shared<TopOptions>();
  CLI::App* verb = app.add_subcommand("top", "Watch the boards of a running marquee, or of an output topic");
  verb->footer(R"(Examples:
  marquee top                                              what http.listen says, 127.0.0.1:8080
  marquee top --url http://10.0.0.5:8080 --leaderboard trending --filter mov
  marquee top --brokers localhost:9092 --topic popularity
  marquee top --once --json | jq .results
Keys: q leaves; tab, → and ← choose the leaderboard; ↓ and ↑ the group; / filters, esc shows all again.)");
  verb->add_option("--url", options->url, "the server to ask; else http.listen of the configuration")->type_name("URL");
  verb->add_option("--token-file", options->token_file, "whose content is borne as a token; else http.token_file")
      ->type_name("FILE");
  verb->add_option("--brokers", options->brokers, "read a topic there instead; else sink.brokers")
      ->type_name("HOST:PORT,…");
  verb->add_option("--topic", options->topic, "the output topic to read, from its beginning; else sink.topic")
      ->type_name("NAME");
  verb->add_option("--leaderboard", options->leaderboard, "the one shown first; else the first there is")
      ->type_name("NAME");
  verb->add_option("--group", options->group, "one group alone: a value, or a JSON array of them")->type_name("GROUP");
  verb->add_option("--filter", options->filter, "groups in whose name this stands, else rows in which it does")
      ->type_name("TEXT");
  verb->add_option("--interval", options->interval, "how often the server is asked")
      ->type_name("DURATION")
      ->capture_default_str();
  verb->add_flag("--once", options->once, "show them once and leave");
  verb->add_flag("--json", options->json, "as lines of JSON: all of it, again when something has changed");
  verb->add_flag("--no-color", options->no_color, "plain text on a terminal too");
  add_config_options(*verb, options->config, false);
  verb->callback([options, &action] { action = [options] { return run_top(*options); }; });
}

}  // namespace marquee
