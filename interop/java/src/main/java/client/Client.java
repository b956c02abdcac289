package client;

import static org.springframework.security.config.Customizer.withDefaults;

import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.net.URI;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.http.HttpMethod;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.core.Authentication;
import org.springframework.security.oauth2.client.OAuth2AuthorizeRequest;
import org.springframework.security.oauth2.client.OAuth2AuthorizedClient;
import org.springframework.security.oauth2.client.OAuth2AuthorizedClientProviderBuilder;
import org.springframework.security.oauth2.client.oidc.web.logout.OidcClientInitiatedLogoutSuccessHandler;
import org.springframework.security.oauth2.client.registration.ClientRegistrationRepository;
import org.springframework.security.oauth2.client.web.DefaultOAuth2AuthorizedClientManager;
import org.springframework.security.oauth2.client.web.OAuth2AuthorizedClientRepository;
import org.springframework.security.oauth2.core.oidc.user.OidcUser;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.security.web.servlet.util.matcher.PathPatternRequestMatcher;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.RestClient;
import org.springframework.web.servlet.view.RedirectView;

/** An app that signs people in with Spring Security, as its documentation has it. */
@SpringBootApplication
public class Client {

  public static void main(String[] parameters) {
    URI baseUrl = URI.create(System.getenv("BASE_URL"));
    String registration = "spring.security.oauth2.client.registration.portcullis.";
    Map<String, Object> settings = Map.of(
        "server.address", baseUrl.getHost(),
        "server.port", baseUrl.getPort(),
        "spring.security.oauth2.client.provider.portcullis.issuer-uri", System.getenv("ISSUER"),
        registration + "client-id", System.getenv("CLIENT_ID"),
        registration + "client-secret", System.getenv("CLIENT_SECRET"),
        registration + "scope", "openid,profile,email,orders.read");
    SpringApplication app = new SpringApplication(Client.class);
    app.setDefaultProperties(settings);
    app.run(parameters);
  }

  @Bean
  SecurityFilterChain security(HttpSecurity http, ClientRegistrationRepository registrations) throws Exception {
    OidcClientInitiatedLogoutSuccessHandler signOut = new OidcClientInitiatedLogoutSuccessHandler(registrations);
    signOut.setPostLogoutRedirectUri("{baseUrl}/");
    return http
        .authorizeHttpRequests(requests -> requests.requestMatchers("/").permitAll().anyRequest().authenticated())
        .oauth2Login(login -> login.loginPage("/oauth2/authorization/portcullis"))
        .oidcLogout(logout -> logout.backChannel(withDefaults()))
        .logout(logout -> logout
            .logoutRequestMatcher(PathPatternRequestMatcher.withDefaults().matcher(HttpMethod.GET, "/logout"))
            .logoutSuccessHandler(signOut))
        .build();
  }

  /** Refreshes whatever it is asked for, however long it has to live. */
  @Bean
  DefaultOAuth2AuthorizedClientManager refreshing(
      ClientRegistrationRepository registrations, OAuth2AuthorizedClientRepository clients) {
    var manager = new DefaultOAuth2AuthorizedClientManager(registrations, clients);
    manager.setAuthorizedClientProvider(OAuth2AuthorizedClientProviderBuilder.builder()
        .refreshToken(refresh -> refresh.clockSkew(Duration.ofDays(1)))
        .build());
    return manager;
  }

  @RestController
  static class Pages {
    private final OAuth2AuthorizedClientRepository clients;
    private final DefaultOAuth2AuthorizedClientManager refreshing;
    private final String orders;

    Pages(
        OAuth2AuthorizedClientRepository clients,
        DefaultOAuth2AuthorizedClientManager refreshing,
        @Value("${ORDERS_URL}") String orders) {
      this.clients = clients;
      this.refreshing = refreshing;
      this.orders = orders;
    }

    @GetMapping("/")
    ResponseEntity<Map<String, String>> home(Authentication authentication, HttpServletRequest request) {
      Map<String, String> shown = new HashMap<>();
      shown.put("name", authentication == null ? null : ((OidcUser) authentication.getPrincipal()).getFullName());
      shown.put("accessToken", authentication == null ? null : accessToken(authentication, request));
      return json(shown);
    }

    @GetMapping("/login")
    RedirectView login() {
      return new RedirectView("/");
    }

    @GetMapping("/call")
    ResponseEntity<Map<String, Integer>> call(Authentication authentication, HttpServletRequest request) {
      var status = RestClient.create().get().uri(orders)
          .headers(headers -> headers.setBearerAuth(accessToken(authentication, request)))
          .exchange((_request, answer) -> answer.getStatusCode().value());
      return json(Map.of("status", status));
    }

    @GetMapping("/refresh")
    RedirectView refresh(
        Authentication authentication, HttpServletRequest request, HttpServletResponse response) {
      refreshing.authorize(OAuth2AuthorizeRequest.withClientRegistrationId("portcullis")
          .principal(authentication)
          .attribute(HttpServletRequest.class.getName(), request)
          .attribute(HttpServletResponse.class.getName(), response)
          .build());
      return new RedirectView("/");
    }

    /** Whatever the browser says that it accepts. */
    private static <T> ResponseEntity<T> json(T body) {
      return ResponseEntity.ok().contentType(MediaType.APPLICATION_JSON).body(body);
    }

    private String accessToken(Authentication authentication, HttpServletRequest request) {
      OAuth2AuthorizedClient client = clients.loadAuthorizedClient("portcullis", authentication, request);
      return client.getAccessToken().getTokenValue();
    }
  }
}
