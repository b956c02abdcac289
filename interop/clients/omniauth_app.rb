# OmniAuth's strategy for OpenID Connect as Debian has it, in a Rack app.

require "json"
require "net/http"
require "omniauth"
require "omniauth_openid_connect"
require "rack"
require "rack/handler/webrick"

ISSUER = URI(ENV.fetch("ISSUER"))
BASE_URL = URI(ENV.fetch("BASE_URL"))
SCOPE = %i[openid profile email orders.read].freeze

SIGN_IN_FORM = <<~HTML.freeze
  <form method="post" action="/auth/openid_connect"><button type="submit">Sign in</button></form>
HTML

def call_orders(access_token)
  answer = Net::HTTP.get_response(URI(ENV.fetch("ORDERS_URL")), "Authorization" => "Bearer #{access_token}")
  { status: answer.code.to_i }
end

def sign_out_url(id_token)
  query = { id_token_hint: id_token, post_logout_redirect_uri: "#{BASE_URL}/" }
  "#{ISSUER}/logout?#{URI.encode_www_form(query)}"
end

def json(value) = [200, { "Content-Type" => "application/json" }, [JSON.generate(value)]]
def lead_to(url) = [302, { "Location" => url }, []]

APP = lambda do |env|
  session = env["rack.session"]
  case env["PATH_INFO"]
  when "/login"
    [200, { "Content-Type" => "text/html" }, [SIGN_IN_FORM]]
  when "/auth/openid_connect/callback"
    auth = env["omniauth.auth"]
    session["user"] = { "name" => auth.info.name, "token" => auth.credentials.token, "id_token" => auth.credentials.id_token }
    lead_to("/")
  when "/auth/failure"
    [500, { "Content-Type" => "text/plain" }, [env["QUERY_STRING"]]]
  when "/call"
    json(call_orders(session["user"]["token"]))
  when "/logout"
    lead_to(sign_out_url(session.delete("user")["id_token"]))
  else
    json(name: session.dig("user", "name"), accessToken: session.dig("user", "token"))
  end
end

# The issuer and the form of this trial have neither TLS nor a token of a framework.
OmniAuth.config.request_validation_phase = nil
OmniAuth.config.logger = Logger.new($stderr, level: Logger::ERROR)

app = Rack::Builder.app do
  use Rack::Session::Pool, key: "app.sid"
  use OmniAuth::Builder do
    provider :openid_connect,
             issuer: ISSUER.to_s,
             scope: SCOPE,
             client_options: {
               scheme: ISSUER.scheme,
               host: ISSUER.host,
               port: ISSUER.port,
               identifier: ENV.fetch("CLIENT_ID"),
               secret: ENV.fetch("CLIENT_SECRET"),
               redirect_uri: "#{BASE_URL}/auth/openid_connect/callback",
               jwks_uri: "#{ISSUER}/jwks"
             }
  end
  run APP
end

Rack::Handler::WEBrick.run(app, Host: BASE_URL.host, Port: BASE_URL.port, AccessLog: [], Logger: WEBrick::Log.new($stderr, WEBrick::Log::ERROR))
