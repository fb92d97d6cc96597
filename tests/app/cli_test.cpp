// The binary from outside: exit codes, sentences, bytes.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <utility>

#include "temporary.hpp"

namespace {

using marquee::test::file_with;
using marquee::test::temporary;
using marquee::test::text_of;

using ::testing::AnyOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr const char* kConfig = R"([event]
item = "id"
time = "t"
time_unit = "s"
dimensions = { category = "c" }
[time]
disorder = "5s"
lateness = "10s"
[[leaderboard]]
name = "minute"
by = ["category"]
[[leaderboard]]
name = "all"
window = "hopping 10m every 1m"
)";

struct Ran {
  int code = -1;
  std::string out;
  std::string err;
};

// Runs a shell command in which `marquee` is the binary under test.
Ran shell(const std::string& command) {
  const std::string out = temporary("out");
  const std::string err = temporary("err");
  const std::string script = "marquee() { '" MARQUEE_BINARY "' \"$@\"; }\n" + command;
  const std::string whole = "bash -c '" +
                            [&] {
                              std::string quoted;
                              for (const char c : script)
                                quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
                              return quoted;
                            }() +
                            "' >" + out + " 2>" + err + " </dev/null";
  const int status = std::system(whole.c_str());  // NOLINT: a test
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status), text_of(out), text_of(err)};
}

std::string events(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    text += "{\"id\":\"item-" + std::to_string(i * i % 97) + "\",\"t\":" + std::to_string(1'700'000'000 + i / 3) +
            ",\"c\":\"" + (i % 2 == 0 ? "a" : "b") + "\"}\n";
    if (i % 50 == 7) text += "broken\n";
    if (i % 60 == 9) text += "{\"id\":5.5,\"t\":1,\"c\":\"a\"}\n";
  }
  return text;
}

class Cli : public ::testing::Test {
 protected:
  const std::string config_ = file_with("config.toml", kConfig);
  const std::string events_ = file_with("events.ndjson", events(2'000));
  const std::string replay_ = "marquee replay " + events_ + " --config " + config_ + " ";
};

TEST_F(Cli, WrongUsageIs64AndSaysWhat) {
  const std::pair<const char*, const char*> lines[] = {
      {"marquee", "marquee: a verb is missing: run, replay, gen, demo, "},
      {"marquee rply", "marquee: rply is no verb; the nearest is replay."},
      {"marquee entirely-else", "marquee: entirely-else is no verb; the verbs are run, "},
      {"marquee --vrsion", "marquee: --vrsion is no option; the nearest is --version."},
      {"marquee --config x run", "marquee run: --config is no option before the verb: write it behind"},
      {"marquee replay", "marquee replay: FILE and --config FILE are missing."},
      {"marquee replay x", "marquee replay: --config FILE is missing."},
      {"marquee replay x --config", "marquee replay: --config wants FILE after it."},
      {"marquee replay x --config y --nonsense", "marquee replay: --nonsense is no option."},
      {"marquee replay x --cnfig y", "marquee replay: --cnfig is no option; the nearest is --config."},
      {"marquee replay x --config y --threads 0", "marquee replay: --threads must be at least 1, not 0."},
      {"marquee replay x --config y --threads two", "marquee replay: --threads must be a whole number, not two."},
      {"marquee replay x --config y --engine gpu", "marquee replay: --engine must be auto, cpu or cuda, not gpu."},
      {"marquee completion fish", "marquee completion: shell must be bash or zsh, not fish."},
      {"marquee config", "marquee: config needs --config FILE, or --docs"},
      {"marquee version 2", "marquee version: 2 is one word too many."},
      {"marquee config --docs=no", "marquee config: --docs takes no value."},
      {"marquee gen --count 1 --count 2", "marquee gen: --count is given more than once."},
      {"marquee gen --seed 99999999999999999999", "marquee gen: --seed must be at most 18446744073709551615, not 9"},
      {"marquee gen --late-share much", "marquee gen: --late-share must be a share from 0 to 1, not much."},
      {"marquee gen --rate fast --output -", "marquee: --rate: 'fast' is not a rate: write it like 20000/min"},
  };
  for (const auto& [line, sentence] : lines) {
    const Ran ran = shell(line);
    EXPECT_EQ(ran.code, 64) << line;
    EXPECT_THAT(ran.err, StartsWith(sentence)) << line;
    EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 1) << line << "\n" << ran.err;
    EXPECT_THAT(ran.out, IsEmpty()) << line;
  }
  EXPECT_THAT(shell("marquee replay").err, EndsWith(". marquee replay --help says more\n"));
}

// These hold on any machine, with any build: what differs is whether there is a GPU, and that is said.
TEST_F(Cli, AutoTakesAGpuOrSaysWhyNotAndTheBytesAreThoseOfTheCpu) {
  const Ran cpu = shell(replay_ + "--engine cpu");
  const Ran either = shell(replay_ + "--engine auto --set log.level=debug");
  EXPECT_EQ(cpu.code, 0);
  EXPECT_EQ(either.code, 0);
  EXPECT_THAT(cpu.out, Not(IsEmpty()));
  EXPECT_EQ(either.out, cpu.out);
  EXPECT_THAT(either.err, AnyOf(HasSubstr("no GPU, using the CPU: "), HasSubstr("the engine is cuda")));
}

TEST_F(Cli, CudaWithoutAGpuIs69AndASentence) {
  const Ran ran = shell(replay_ + "--engine cuda");
  if (ran.code == 0) GTEST_SKIP() << "there is a GPU";
  EXPECT_EQ(ran.code, 69);
  EXPECT_THAT(ran.err, HasSubstr("engine.kind = \"cuda\", but "));
  EXPECT_THAT(ran.out, IsEmpty());
}

TEST_F(Cli, SaysItsVersionAndTheEnginesWhenAsked) {
  const Ran plain = shell("marquee version");
  EXPECT_EQ(plain.code, 0);
  EXPECT_THAT(plain.out, StartsWith("marquee "));
  EXPECT_EQ(plain.out, shell("marquee --version").out);
  const Ran engines = shell("marquee version --engines");
  EXPECT_EQ(engines.code, 0);
  EXPECT_THAT(engines.out, StartsWith(plain.out + "cpu: "));
  EXPECT_THAT(engines.out, HasSubstr("\ncuda: "));
}

TEST_F(Cli, EveryVerbHelpsWithExamples) {
  EXPECT_EQ(shell("marquee --help").code, 0);
  for (const char* verb :
       {"run", "replay", "gen", "demo", "validate", "config", "healthcheck", "panelog", "version", "completion"}) {
    const Ran ran = shell(std::string("marquee ") + verb + " --help");
    EXPECT_EQ(ran.code, 0) << verb;
    if (std::string(verb) != "completion") {
      EXPECT_THAT(ran.out, HasSubstr("Examples:\n  ")) << verb;
    }
  }
}

TEST_F(Cli, ValidateSaysOkOrEveryProblemWith78) {
  const Ran good = shell("marquee validate --config " + config_);
  EXPECT_EQ(good.code, 0) << good.err;
  EXPECT_EQ(good.out, "OK\n");
  const std::string bad = file_with("bad.toml", "[event]\nitm = 'x'\ntime = 5\n[[leaderboard]]\nname = 'x'\n");
  const Ran ran = shell("marquee validate --config " + bad);
  EXPECT_EQ(ran.code, 78);
  EXPECT_THAT(ran.out, IsEmpty());
  EXPECT_THAT(ran.err, HasSubstr(bad + ":2: event.itm is not a key; the nearest is event.item\n"));
  EXPECT_THAT(ran.err, HasSubstr(bad + ":3: event.time must be the path of a field"));
  EXPECT_EQ(shell("marquee validate --config /no/such/file").code, 78);
  const Ran all = shell("marquee validate --config " + config_ +
                        " --set sink.kafka.aaa=1 --set sink.kafka.bbb=2 --set source.kafka.ccc=3");
  EXPECT_EQ(all.code, 78);
  for (const std::string key : {"[sink.kafka] aaa", "[sink.kafka] bbb", "[source.kafka] ccc"}) {
    EXPECT_THAT(all.err, HasSubstr(key));
  }
  for (const std::string set :
       {"sink.kafka.sals.username=x", "source.kafka.socket.timeout.ms=soon", "sink.kafka.transactional.id=mine"}) {
    for (const std::string verb : {"validate", "run"}) {  // run: before it looks for a broker
      const Ran refused = shell("marquee " + verb + " --config " + config_ + " --set source.topic=x --set " + set);
      EXPECT_EQ(refused.code, 78) << verb << " " << set;
      EXPECT_THAT(refused.err, HasSubstr(set.substr(set.find("kafka.") + 6, 4))) << refused.err;
    }
  }
  EXPECT_EQ(shell("marquee run --config " + config_).code, 78);  // no topic
}

// Each signal is sent once the log shows that the one before it has been heard. No broker is there, nor needed.
TEST_F(Cli, SignalsOfTheOperator) {
  const std::string log = temporary("signals.log");
  const std::string heard =
      "heard() { until grep -q \"$1\" " + log + "; do kill -0 $pid || exit 1; read -rt 0.05 <> <(:); done; }\n";
  const Ran ran =
      shell(heard + "exec_marquee() { exec " MARQUEE_BINARY " \"$@\"; }; exec_marquee run --config " + config_ +
            " --set source.topic=t --set source.brokers=127.0.0.1:1 --set sink.kafka.debug=broker --set "
            "http.enabled=false 2>" +
            log +
            " & pid=$!\n"
            "heard \"does not answer\"; kill -HUP $pid; heard \"SIGHUP: nothing is read anew\"\n"
            "kill -USR1 $pid; heard \"SIGUSR1: the log says everything\"; heard \"\\\"debug\\\"\"\n"
            "kill -USR2 $pid; heard \"SIGUSR2: the log is again\"\n"
            "kill -TERM $pid; wait $pid; echo left $?");
  EXPECT_EQ(ran.out, "left 0\n") << ran.err << text_of(log);
  const std::string text = text_of(log);
  EXPECT_EQ(text.find("\"debug\"", text.rfind("SIGUSR2")), std::string::npos) << text;
}

TEST_F(Cli, ConfigPrintsWhatIsInForceWithoutSecrets) {
  const Ran ran =
      shell("MARQUEE_SINK__TOPIC=env MARQUEE_SOURCE__KAFKA__SASL_PASSWORD=hunter2 marquee config --config " + config_ +
            " --set time.disorder=9s");
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("topic = \"env\""));
  EXPECT_THAT(ran.out, HasSubstr("disorder = \"9s\""));
  EXPECT_THAT(ran.out, HasSubstr("\"sasl.password\" = \"***\""));
  EXPECT_THAT(ran.out + ran.err, Not(HasSubstr("hunter2")));
  EXPECT_THAT(shell("marquee config --docs").out, StartsWith("| key | type | default | meaning |"));
}

TEST_F(Cli, CompletionScriptsParse) {
  EXPECT_EQ(shell("marquee completion bash | bash -n").code, 0);
  EXPECT_THAT(shell("marquee completion bash").out, HasSubstr("replay) words=\"--help"));
  EXPECT_THAT(shell("marquee completion zsh").out, StartsWith("#compdef marquee"));
  const Ran completed = shell(
      "source <(marquee completion bash); COMP_WORDS=(marquee replay --sum); COMP_CWORD=2; _marquee; "
      "echo \"${COMPREPLY[@]}\"");
  EXPECT_EQ(completed.out, "--summary\n") << completed.err;
}

TEST_F(Cli, HealthcheckOfNobodyIs69) {
  const Ran ran = shell("marquee healthcheck --set http.listen=127.0.0.1:1");
  EXPECT_EQ(ran.code, 69);
  EXPECT_THAT(ran.err, HasSubstr("nobody answers at http://127.0.0.1:1/readyz"));
}

TEST_F(Cli, TopOfNobodyIs69AndOfNonsense64) {
  const Ran nobody = shell("marquee top --once --url http://127.0.0.1:1");
  EXPECT_EQ(nobody.code, 69);
  EXPECT_THAT(nobody.err, HasSubstr("nobody answers at http://127.0.0.1:1/api/v1/leaderboards"));
  for (const char* wrong : {"--url https://127.0.0.1:1", "--url http://127.0.0.1:1/path", "--url http://",
                            "--interval 1", "--url http://127.0.0.1:1 --topic popularity"}) {
    const Ran ran = shell(std::string("marquee top --once ") + wrong);
    EXPECT_EQ(ran.code, 64) << wrong;
    EXPECT_THAT(ran.err, StartsWith("marquee: ")) << wrong;
  }
}

TEST_F(Cli, ATokenFileWithoutATokenIs78) {
  const std::string empty = temporary("empty");
  const std::string spaces = temporary("spaces");
  std::ofstream(empty).flush();
  std::ofstream(spaces) << "two words\n";
  for (const auto& [file, says] : {std::pair<std::string, std::string>{empty, "has no token in its first line"},
                                   {temporary("missing"), "or cannot be read"},
                                   {spaces, "has more in its first line than printable ASCII"}}) {
    const Ran ran = shell("marquee run --config " + config_ +
                          " --set source.topic=none --set http.listen=127.0.0.1:0 --set http.token_file=" + file);
    EXPECT_EQ(ran.code, 78) << ran.err;
    EXPECT_THAT(ran.err, HasSubstr("(http.token_file)"));
    EXPECT_THAT(ran.err, HasSubstr(says));
  }
}

TEST_F(Cli, ReplayPrintsResultsAndSummary) {
  const std::string summary = temporary("summary.json");
  const Ran ran = shell(replay_ + "--summary " + summary);
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, StartsWith("{\"schema\":1,\"leaderboard\":"));
  EXPECT_THAT(text_of(summary), StartsWith("{\"read\":2074,\"counted\":2000,\"filtered\":0,\"late\":0,"
                                           "\"invalid\":{\"item_type\":34,\"not_object\":40},\"results\":"));
  EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 1) << ran.err;
}

TEST_F(Cli, ReplayGivesTheSameBytesForAnyThreadsBatchesAndPipes) {
  const Ran one = shell(replay_ + "--threads 1");
  ASSERT_EQ(one.code, 0) << one.err;
  for (const char* variant : {"--threads 4", "--set engine.batch_events=7", "--set engine.batch_bytes=4KiB --threads 3",
                              "--set engine.batch_events=1 --threads 2"}) {
    EXPECT_EQ(shell(replay_ + variant).out, one.out) << variant;
  }
  EXPECT_EQ(shell("cat " + events_ + " | marquee replay - --config " + config_).out, one.out);
  EXPECT_EQ(shell("gzip -c " + events_ + " | marquee replay - --config " + config_).out, one.out);
  EXPECT_EQ(
      shell("marquee replay <(head -n 500 " + events_ + ") <(tail -n +501 " + events_ + ") --config " + config_).out,
      one.out);
}

TEST_F(Cli, AFailingWorldIs69WithASentence) {
  const Ran missing = shell("marquee replay /no/such.ndjson --config " + config_);
  EXPECT_EQ(missing.code, 69);
  EXPECT_THAT(missing.err, HasSubstr("/no/such.ndjson cannot be opened: No such file or directory"));
  EXPECT_EQ(shell("marquee replay / --config " + config_).code, 69);
  EXPECT_THAT(shell("gzip -c " + events_ + " | head -c 2000 | marquee replay - --config " + config_).err,
              HasSubstr("cut off"));
  EXPECT_THAT(shell(replay_ + ">/dev/full").err, HasSubstr("full disk"));
  const Ran closed = shell(replay_ + "--set time.lateness=0s | true; exit ${PIPESTATUS[0]}");
  EXPECT_EQ(closed.code, 69);
  EXPECT_THAT(closed.err, HasSubstr("standard output was closed"));
  EXPECT_EQ(shell(replay_ + "--summary /no/such/dir/s.json").code, 69);
  EXPECT_EQ(shell("marquee version >/dev/full").code, 69);
}

TEST_F(Cli, GenEndsWithHowManyWentWhere) {
  const std::string out = temporary("gen.ndjson");
  const Ran file = shell("marquee gen --count 1500 --output " + out);
  EXPECT_EQ(file.code, 0);
  EXPECT_THAT(file.err, StartsWith("1,500 events written to " + out + "; "));
  const Ran full = shell("marquee gen --count 1500 --output /dev/full");
  EXPECT_EQ(full.code, 69);
  EXPECT_THAT(full.err, HasSubstr("\n0 events written to /dev/full\n"));
}

TEST_F(Cli, GenSaysOnceThatNoBrokerAnswersAndHowItEndedWhenInterrupted) {
  const Ran ran = shell("export pid=" + temporary("gen.pid") +
                        "; { bash -c 'echo $$ >$pid; exec " MARQUEE_BINARY
                        " gen --brokers 127.0.0.1:1' 2>&1; echo code $?; } | while read -r line; do"
                        " echo \"$line\"; if [[ $line == *trying* ]]; then kill -TERM \"$(<$pid)\"; fi; done");
  EXPECT_THAT(ran.out, StartsWith("marquee: no Kafka broker answers at 127.0.0.1:1"));
  EXPECT_THAT(ran.out, HasSubstr("\nmarquee: stopped before a Kafka broker answered at 127.0.0.1:1; nothing was sent"));
  EXPECT_THAT(ran.out, EndsWith("\nstopped: 0 events sent to topic watch-events at 127.0.0.1:1\ncode 69\n"));
}

TEST_F(Cli, AnInterruptedReplaySaysSoAndIsNot0) {
  const std::string fifo = temporary("fifo");
  const Ran ran =
      shell("mkfifo " + fifo + "; sleep 60 >" + fifo + " & writer=$!; '" MARQUEE_BINARY "' replay " + fifo +
            " --config " + config_ + " & pid=$!; sleep 1; kill -TERM $pid; wait $pid; echo code $?; kill $writer");
  EXPECT_THAT(ran.err, HasSubstr("interrupted"));
  EXPECT_THAT(ran.out, HasSubstr("code 143\n"));
}

TEST_F(Cli, RunWithoutABrokerIsAliveNotReadyAndLeavesWith0) {
  const std::string port = std::to_string(20'000 + ::getpid() % 20'000);
  const std::string address = "--set http.listen=127.0.0.1:" + port;
  const Ran ran =
      shell("'" MARQUEE_BINARY "' run --config " + config_ + " --set source.topic=t --set source.brokers=127.0.0.1:1 " +
            address + " & pid=$!; for i in $(seq 100); do marquee healthcheck --live " + address +
            " >/dev/null 2>&1 && break; sleep 0.1; done; marquee healthcheck --live " + address +
            " >/dev/null; echo live $?; marquee healthcheck " + address +
            "; echo ready $?; kill -TERM $pid; wait $pid; echo left $?");
  EXPECT_THAT(ran.out, HasSubstr("live 0\n")) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("ready 69\n")) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("left 0\n")) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("answers 503"));
}

}  // namespace
