/** Claims of the access tokens that were alive, and of those that were revoked, when the databases were dumped. */
interface ReleasedTokens {
  /** Seconds. */
  readonly now: number;
  readonly alive: readonly ReleasedClaims[];
  readonly dead: readonly ReleasedClaims[];
}

interface ReleasedClaims {
  readonly rv: number;
  readonly sid: string;
  readonly gid: string;
  readonly jti: string;
  readonly sub: string;
  readonly iat: number;
  readonly exp: number;
  readonly client_id: string;
  readonly iss: string;
  readonly aud: string;
}

export const RELEASED: Readonly<Record<"sqlite" | "postgres", ReleasedTokens>> = {
  sqlite: {
    now: 1796011749,
    alive: [
      {
        rv: 2,
        sid: "gYyy-rr92DT7dEwcJvrrig",
        gid: "hIsuj6KG-Lhw2OsoQwUCvw",
        jti: "mbc2Xm-xq87kA3ga5mCEDg",
        sub: "WjQhOib_VPLXBF2q_cayKg",
        iat: 1796011749,
        exp: 1796012049,
        client_id: "web",
        iss: "http://127.0.0.1:43141",
        aud: "https://orders.portcullis.example",
      },
      {
        rv: 2,
        sid: "csyIi-Vm61sJoAqpWMSm3w",
        gid: "WuDGqpkmKI48VZfFky_tlA",
        jti: "vPL0pY8NWhorM4gzHOF2fw",
        sub: "WjQhOib_VPLXBF2q_cayKg",
        iat: 1796011749,
        exp: 1796012049,
        client_id: "other",
        iss: "http://127.0.0.1:43141",
        aud: "https://billing.portcullis.example",
      },
    ],
    dead: [
      {
        rv: 2,
        sid: "lUgWfT5_iHmgKXY6FcVLmg",
        gid: "f3UI6Nz08wLmX1ERf5bFVQ",
        jti: "BjQDrBiF9eEVa7wVrjKj2g",
        sub: "jUOaOyGu_OGNh0Ga07a0CA",
        iat: 1796011749,
        exp: 1796012049,
        client_id: "web",
        iss: "http://127.0.0.1:43141",
        aud: "https://orders.portcullis.example",
      },
      {
        rv: 2,
        sid: "k1_ofkDD3Ip2TR8qYNHa9w",
        gid: "xMeGKYsGR2hCC0TmhOLovg",
        jti: "LbGRO_kIHc0_QGvPP5Ms8w",
        sub: "jUOaOyGu_OGNh0Ga07a0CA",
        iat: 1796011749,
        exp: 1796012049,
        client_id: "web",
        iss: "http://127.0.0.1:43141",
        aud: "https://orders.portcullis.example",
      },
    ],
  },
  postgres: {
    now: 1796011751,
    alive: [
      {
        rv: 2,
        sid: "Sh7mevBEVK1_CXErZyh0bQ",
        gid: "GakJCLSKK0BeKf0aJv8aNg",
        jti: "GvwbrpOv4-gvIg-YHndUjg",
        sub: "UQuBeuIyFL4kjqPe9d2RYg",
        iat: 1796011750,
        exp: 1796012050,
        client_id: "web",
        iss: "http://127.0.0.1:36329",
        aud: "https://orders.portcullis.example",
      },
      {
        rv: 2,
        sid: "v5ETIXu1qhODpf7MHRYzQw",
        gid: "EpNIedYp5Eo4W-Dq1e11qg",
        jti: "pInxoi3f7GQZWvJGocFkXw",
        sub: "UQuBeuIyFL4kjqPe9d2RYg",
        iat: 1796011750,
        exp: 1796012050,
        client_id: "other",
        iss: "http://127.0.0.1:36329",
        aud: "https://billing.portcullis.example",
      },
    ],
    dead: [
      {
        rv: 2,
        sid: "qYrWkvySjpy25A4E2Ijogg",
        gid: "CM5R0scsQUdcLkpemNETSg",
        jti: "mAo08V3ebkwDrUu-9BA3nA",
        sub: "4NZYUqjbiApJgRxHOYypDg",
        iat: 1796011750,
        exp: 1796012050,
        client_id: "web",
        iss: "http://127.0.0.1:36329",
        aud: "https://orders.portcullis.example",
      },
      {
        rv: 2,
        sid: "Xl9s9F9vlwDrWa8rSjfWuQ",
        gid: "APvTWGkPBIzirLeskdZ4Ew",
        jti: "QdOAbvPkEAas6Qety5bZgg",
        sub: "4NZYUqjbiApJgRxHOYypDg",
        iat: 1796011751,
        exp: 1796012051,
        client_id: "web",
        iss: "http://127.0.0.1:36329",
        aud: "https://orders.portcullis.example",
      },
    ],
  },
};
