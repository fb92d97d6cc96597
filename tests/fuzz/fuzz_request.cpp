// One request's header from bytes that mean nothing, through the server's parser to the routes: nothing crashes, every
// answer is one that the API promises, JSON is JSON, no field can smuggle a line into the header, packed and plain say
// the same, a client that has it is told so, and nothing passes without the token.
//
// Input: a byte that chooses the configuration (1: a token is wanted; 2: origins are allowed; 4: any origin), then the
// header of a request as it comes over the wire.
#include <simdjson.h>
#include <zlib.h>

#include <boost/asio/buffer.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/check.hpp"
#include "serve/http_probe.hpp"
#include "serve/http_request.hpp"
#include "serve/metrics.hpp"
#include "serve/routes.hpp"
#include "serve/serve_config.hpp"
#include "serve/serve_fixture.hpp"

namespace {

using namespace marquee;

constexpr std::string_view kToken = "open sesame";

std::string unpacked(std::string_view packed) {
  std::string out(std::size_t{1} << 20, '\0');
  z_stream stream{};
  MARQUEE_CHECK(inflateInit2(&stream, 16 + MAX_WBITS) == Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int end = inflate(&stream, Z_FINISH);
  inflateEnd(&stream);
  MARQUEE_CHECK(end == Z_STREAM_END);
  out.resize(stream.total_out);
  return out;
}

bool is_json(std::string_view text) {
  static simdjson::dom::parser parser;
  return parser.parse(simdjson::padded_string(text)).error() == simdjson::SUCCESS && text.ends_with('\n');
}

struct World {
  explicit World(std::uint8_t choice) {
    if (choice & 1) config.token = kToken;
    if (choice & 2) config.cors_origins = {"https://a.example"};
    if (choice & 4) config.cors_origins.emplace_back("*");
    board.publish(test::sample_snapshot());
    probe.phase = Phase::kRunning;
    probe.set_reason("");
  }

  JobSpec job = test::sample_job();
  Probe probe;
  SnapshotBoard board;
  ServeConfig config;
  ReplyMemory memory;
  HttpProbe http;
  Metrics metrics{config, job, probe, board, http};
  Routes routes{config, job, probe, board, metrics, memory};
};

void check(World& world, const HttpRequest& request) {
  if (world.routes.stream_of(request)) {
    MARQUEE_CHECK(world.config.token.empty() || request.authorization.ends_with(kToken));
    return;
  }
  const HttpReply reply = world.routes.reply(request);
  switch (reply.status) {
    case 200:
    case 304:
    case 400:
    case 401:
    case 404:
    case 405:
    case 503:
      break;
    case 204:
      MARQUEE_CHECK(reply.is_preflight && request.method == "OPTIONS");
      break;
    default:
      MARQUEE_CHECK(false);
  }
  MARQUEE_CHECK(reply.body != nullptr);
  for (const std::string_view field :
       {std::string_view(reply.etag), std::string_view(reply.allowed_origin), reply.content_type, reply.allow}) {
    MARQUEE_CHECK(field.find_first_of("\r\n") == std::string_view::npos);
  }
  const bool empty = reply.status == 304 || reply.status == 204 || reply.content_type == "text/event-stream";
  MARQUEE_CHECK(reply.body->empty() == empty);
  const std::string body = reply.gzipped ? unpacked(*reply.body) : *reply.body;
  if (!empty && reply.content_type == "application/json") MARQUEE_CHECK(is_json(body));
  if (reply.status != 200 && !empty) MARQUEE_CHECK(body.find("\"error\":\"") != std::string::npos);
  if (reply.status == 401) MARQUEE_CHECK(!world.config.token.empty() && reply.asks_for_token);
  MARQUEE_CHECK(body.find(kToken) == std::string::npos);

  if (reply.status == 200 && !reply.etag.empty()) {
    HttpRequest again = request;
    again.if_none_match = reply.etag;
    MARQUEE_CHECK(world.routes.reply(again).status == 304);
    again.if_none_match = {};
    again.accept_encoding = {};
    MARQUEE_CHECK(*world.routes.reply(again).body == body);
  }
  HttpRequest stranger = request;
  stranger.authorization = "Bearer open";
  if (!world.config.token.empty() && request.target.find("/api") != std::string_view::npos &&
      request.target.find("openapi.json") == std::string_view::npos) {
    const HttpReply none = world.routes.reply(stranger);
    MARQUEE_CHECK(none.status != 200 || none.is_page);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 1 << 14) return 0;
  static World* worlds[8];
  World*& world = worlds[data[0] & 7];
  if (world == nullptr) world = new World(data[0]);

  RequestParser parser;
  parser.header_limit(static_cast<std::uint32_t>(world->config.limits.header_bytes));
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  boost::beast::error_code error;
  while (!parser.is_header_done()) {
    const std::size_t taken = parser.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
    if (error || taken == 0) return 0;
    bytes.remove_prefix(taken);
  }
  check(*world, request_of(parser.get()));
  MARQUEE_CHECK(world->memory.held() < (std::size_t{64} << 20));
  return 0;
}
