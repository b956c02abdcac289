package service;

import static org.springframework.security.config.Customizer.withDefaults;

import java.net.URI;
import java.util.Map;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.security.oauth2.server.resource.autoconfigure.servlet.JwkSetUriJwtDecoderBuilderCustomizer;
import org.springframework.context.annotation.Bean;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.oauth2.core.OAuth2TokenValidator;
import org.springframework.security.oauth2.jwt.Jwt;
import org.springframework.security.oauth2.jwt.JwtTypeValidator;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/** A resource server with Spring Security, as its documentation has it. */
@SpringBootApplication
public class Service {

  public static void main(String[] parameters) {
    URI baseUrl = URI.create(System.getenv("BASE_URL"));
    String jwt = "spring.security.oauth2.resourceserver.jwt.";
    SpringApplication app = new SpringApplication(Service.class);
    app.setDefaultProperties(Map.of(
        "server.address", baseUrl.getHost(),
        "server.port", baseUrl.getPort(),
        jwt + "issuer-uri", System.getenv("ISSUER"),
        jwt + "audiences", System.getenv("AUDIENCE")));
    app.run(parameters);
  }

  @Bean
  SecurityFilterChain security(HttpSecurity http) throws Exception {
    return http
        .authorizeHttpRequests(requests -> requests.anyRequest().hasAuthority("SCOPE_orders.read"))
        .oauth2ResourceServer(server -> server.jwt(withDefaults()))
        .build();
  }

  /** Access tokens say of themselves that they are such (RFC 9068), and no ID token passes for one. */
  @Bean
  JwkSetUriJwtDecoderBuilderCustomizer takesTheTypeFromTheValidator() {
    return builder -> builder.validateType(false);
  }

  @Bean
  OAuth2TokenValidator<Jwt> isAccessToken() {
    return new JwtTypeValidator("at+jwt");
  }

  @RestController
  static class Pages {
    @GetMapping("/")
    Map<String, String> home(@AuthenticationPrincipal Jwt token) {
      return Map.of("subject", token.getSubject());
    }
  }
}
